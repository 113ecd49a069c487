// Whether terminfo(5) knows a type of terminals.
#pragma once

namespace hb::status {

// Of standard output, by TERM. Asked before newterm(3), which leaks memory where it is not known.
[[nodiscard]] bool is_terminal_type_known();

}  // namespace hb::status
