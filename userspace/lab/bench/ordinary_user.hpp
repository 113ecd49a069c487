// What a process of a measurement does to become one that anybody could have started.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace hb::bench {

// Takes this user's uid and gid for good, with no other groups. `parent` is the process that this
// one shall not outlive: a change of credentials clears PR_SET_PDEATHSIG (prctl(2)), so it is set
// again. Needs root, but for uid 0, who is one already.
[[nodiscard]] Result<> become_user(std::uint32_t uid, pid_t parent);

// `directory` is a cgroup v2's.
[[nodiscard]] Result<> join_cgroup(const std::string& directory);

}  // namespace hb::bench
