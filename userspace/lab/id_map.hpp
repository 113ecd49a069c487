// Maps the ids of a new user namespace.
#pragma once

#include <sys/types.h>

#include "base/result.hpp"

namespace hb {

// Makes this process root in the user namespace that it has just created: maps 0 to `uid` and `gid`
// outside, which an unprivileged process may do for itself (user_namespaces(7)).
[[nodiscard]] Result<> become_root_inside(uid_t uid, gid_t gid);

}  // namespace hb
