// Landlock: the files that this process can still open (landlock(7)). Whatever is not named is
// refused with EACCES: to open, make, remove or execute it. What is open already stays usable.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace hb::daemon {

// A directory stands for all that is below it. What does not exist, or cannot be reached, gets no
// rule.
struct OpenablePaths {
  std::vector<std::string> read;    // files are read; directories are not listed
  std::vector<std::string> change;  // directories: files and sockets are read, made, and removed
};

// The kernel's version of the interface; 0: it has no Landlock, or this process may not use it.
[[nodiscard]] int landlock_abi();

// For the calling thread and those that it makes, so before the first one is made. After
// PR_SET_NO_NEW_PRIVS. Only where landlock_abi() is not 0. It cannot be taken off.
[[nodiscard]] Result<> open_only(const OpenablePaths& paths);

}  // namespace hb::daemon
