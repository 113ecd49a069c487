// Changes a process of a measurement to an ordinary user.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace hb::bench {

// Changes to this uid and gid for good, without supplementary groups, and sets PR_SET_PDEATHSIG
// again, which a change of credentials clears (prctl(2)); `parent` is checked to be alive. Needs
// root.
[[nodiscard]] Result<> become_user(std::uint32_t uid, pid_t parent);

// `directory`: of a cgroup v2.
[[nodiscard]] Result<> join_cgroup(const std::string& directory);

}  // namespace hb::bench
