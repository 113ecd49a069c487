// --user NAME: the observer opens everything as root and then changes to this user for good.
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

// "hb": a user that exists and is not root. Also looks up its groups, so that no file has to be
// opened later.
[[nodiscard]] Result<User> find_user(const std::string& name);

// Sets real, effective and saved ids and the groups; does nothing if they are the user's already.
// Keeps permitted capabilities: drop_privileges() must follow.
[[nodiscard]] Result<> become_user(const User& user);

// After drop_privileges(): an Error if the process could become root again.
[[nodiscard]] Result<> confirm_user(const User& user);

}  // namespace hb::daemon
