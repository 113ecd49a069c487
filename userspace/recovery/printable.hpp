// What a stranger's program wrote, for a log.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hb {

// With a '?' for every byte that is not printable ASCII.
[[nodiscard]] std::string printable(std::string_view text);

// The lines of `text` that hold anything, with a '?' for every byte that is not printable ASCII:
// what is shown on a terminal, or read as a log, must not be able to be anything but text of this
// line.
[[nodiscard]] std::vector<std::string> printable_lines(std::string_view text);

}  // namespace hb
