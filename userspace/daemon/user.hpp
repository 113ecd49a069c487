// --user USER: the observer opens everything as root and then changes to this user for good.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hb::daemon {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // all of them, gid too
};

// A uid or gid in decimal digits; not 4294967295, which is none.
[[nodiscard]] std::optional<std::uint32_t> numeric_id(std::string_view text);

// "hb", or the uid of a user that exists; a number that is somebody's name is the name, as in
// chown(1). Or "1234:5678", uid and gid, which need not be anybody's: that user is in no other
// group. Neither may be root's. Also looks up its groups, so that no file has to be opened later.
[[nodiscard]] Result<User> find_user(const std::string& text);

// Sets real, effective and saved ids and the groups; does nothing if they are the user's already.
// Keeps permitted capabilities: drop_privileges() must follow. `file_group`: see keep_file_group().
[[nodiscard]] Result<> become_user(const User& user, std::optional<gid_t> file_group = {});

// After drop_privileges(): an Error if the process could become root again.
[[nodiscard]] Result<> confirm_user(const User& user, std::optional<gid_t> file_group = {});

// As the saved group id, it lets the process make files of that group without a capability
// (setfsgid(2)); an exec takes it away. Does nothing where that is not permitted.
void keep_file_group(gid_t group);

// Loads what looks up names of users and groups (nsswitch.conf(5)), which otherwise happens when
// the first name is not found in the files.
void load_name_services();

}  // namespace hb::daemon
