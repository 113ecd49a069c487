// What /proc says of uids.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"

namespace hb {

// Whether every uid means to this process what it means in the initial user namespace, where stamps
// count. The Error: it cannot be known here.
[[nodiscard]] Result<bool> own_uids_are_initial();

// The real uid of whoever has this pid, in this process's PID and user namespaces. nullopt when it
// has none, may not be looked into (hidepid), or /proc shows another PID namespace.
[[nodiscard]] std::optional<std::uint32_t> real_uid_of(std::uint32_t pid);

}  // namespace hb
