// Privileges are needed to open things, not to observe.
#pragma once

#include <vector>

#include "base/result.hpp"

namespace hb::daemon {

// Whether this process has the capability CAP_* now, to use or to keep.
[[nodiscard]] bool is_permitted(int capability);

struct KeptPrivileges {
  std::vector<int> capabilities;  // CAP_* numbers; each only if it is there now
  // Programs are run that shall be able to do whatever this user can: as root, everything. Without,
  // no program that this process might run can gain any privilege.
  bool may_exec = false;
};

// Every capability goes, for good, except those kept: what this process has open it keeps using,
// but it can open nothing more with them. No process of the same user may look into this one
// (ptrace, its descriptors). Call it when everything is open.
//
// With may_exec the bounding set stays as it is and new privileges are not renounced, as both would
// bind the programs too: a root process without capabilities regains them when it executes one
// (capabilities(7)), and this is what a recovery command needs to restart anything. It is also what
// an intruder into this process would have, so only --recovery-exec asks for it.
[[nodiscard]] Result<> drop_privileges(const KeptPrivileges& kept);

}  // namespace hb::daemon
