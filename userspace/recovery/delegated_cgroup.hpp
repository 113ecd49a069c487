// The cgroup of this process, where it was delegated to it: systemd leaves alone what is made below
// such a cgroup, and only there (https://systemd.io/CGROUP_DELEGATION).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.hpp"

namespace hb {

struct DelegatedCgroup {
  std::string path;       // in the v2 hierarchy, from '/' on
  std::string directory;  // where that is in the file system
};

// `own_path`: of this process, as /proc/self/cgroup has it. `mount`: as for open_cgroup_root().
// Delegated is a cgroup with the extended attribute user.delegate or, of systemd before 251,
// trusted.delegate (which only CAP_SYS_ADMIN can read) of the value 1. The Error says why there is
// none.
[[nodiscard]] Result<DelegatedCgroup> find_delegated_cgroup(const std::string& own_path,
                                                            const std::string& mount = "");

// Checks that cgroups can be made there and processes be put into them. With a `user`, as whom that
// will be done, it becomes the owner, as of a unit with User=.
[[nodiscard]] Result<> prepare_cgroup(const DelegatedCgroup& cgroup, std::optional<uid_t> user);

}  // namespace hb
