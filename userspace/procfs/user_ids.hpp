// Uids, read from /proc.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"

namespace hb {

// Whether uids in this process's user namespace equal those in the initial one, which stamps use.
// The Error: /proc/self/uid_map cannot be read.
[[nodiscard]] Result<bool> own_uids_are_initial();

// The real uid of the process that has this pid now, in this process's namespaces. nullopt when
// there is none, it is hidden (hidepid), or /proc belongs to another PID namespace.
[[nodiscard]] std::optional<std::uint32_t> real_uid_of(std::uint32_t pid);

}  // namespace hb
