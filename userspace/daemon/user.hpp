// --user NAME: the observer opens everything as root and then goes on as somebody else, for good.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.hpp"

namespace hb::daemon {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // all of them, gid too
};

// "hb": a user that exists and is not root. Looked up at once, so that nothing has to be opened
// for it later. The Error says what is wrong with the name.
[[nodiscard]] Result<User> find_user(const std::string& name);

// Real, effective and saved ids, and the groups: all become the user's; nothing to do for a process
// that is that user. Permitted capabilities stay until drop_privileges(), which has to follow, as
// it may keep one. The Error says what to start as.
[[nodiscard]] Result<> become_user(const User& user);

// After drop_privileges(): the Error if any way back is open.
[[nodiscard]] Result<> confirm_user(const User& user);

}  // namespace hb::daemon
