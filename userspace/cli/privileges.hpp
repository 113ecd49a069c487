// Privileges are needed to open things, not to observe.
#pragma once

#include <optional>

#include "base/result.hpp"

namespace hb::cli {

// Every capability goes, for good, except `kept` (a CAP_* number, and only if it is there now):
// what this process has open it keeps using, but it can open nothing more with them. No program
// that it might run can gain any, and no process of the same user may look into this one (ptrace,
// its descriptors). Call it when everything is open.
[[nodiscard]] Status drop_privileges(std::optional<int> kept);

}  // namespace hb::cli
