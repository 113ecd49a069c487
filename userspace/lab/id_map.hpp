// Who a process is inside its new user namespace.
#pragma once

#include <sys/types.h>

#include "base/result.hpp"

namespace hb {

// Makes this process root in the user namespace that it has just made: its root is `uid` and `gid`
// outside, as an unprivileged process may decide for itself (user_namespaces(7)).
[[nodiscard]] Result<> become_root_inside(uid_t uid, gid_t gid);

}  // namespace hb
