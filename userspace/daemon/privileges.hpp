// Drops privileges, which are needed to open things but not to observe.
#pragma once

#include <vector>

#include "base/result.hpp"

namespace hb::daemon {

// Whether the capability CAP_* is in the permitted set of this process.
[[nodiscard]] bool is_permitted(int capability);

struct KeptPrivileges {
  std::vector<int> capabilities;  // CAP_* numbers; kept if permitted now
  // Programs will be executed with all that this user may do (as root, everything). If false,
  // PR_SET_NO_NEW_PRIVS is set and the bounding set is emptied.
  bool may_exec = false;
};

// Drops every capability that is not kept. Open descriptors stay usable. Also clears
// PR_SET_DUMPABLE, so that processes of the same user cannot ptrace(2) this one or use its
// descriptors through /proc. Call it when everything is open.
//
// With may_exec, the bounding set is kept and PR_SET_NO_NEW_PRIVS is not set, since the executed
// programs would inherit both: a root process without capabilities regains them on execve(2)
// (capabilities(7)), which a recovery command needs to restart anything. An attacker who takes over
// such a process could do the same, so only the one that runs commands asks for it.
[[nodiscard]] Result<> drop_privileges(const KeptPrivileges& kept);

}  // namespace hb::daemon
