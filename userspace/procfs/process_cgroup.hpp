// The cgroup of a process, read from /proc.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace hb {

// Its path in the cgroup v2 hierarchy; "/" for the root, where everybody is on a host with v1.
[[nodiscard]] Result<std::string> cgroup_of(std::uint32_t pid);

}  // namespace hb
