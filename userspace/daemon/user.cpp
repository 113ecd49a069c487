#include "daemon/user.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hb::daemon {
namespace {

std::vector<gid_t> groups_of(const std::string& name, gid_t gid) {
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (::getgrouplist(name.c_str(), gid, groups.data(), &count) < 0) {
    groups.resize(std::max(static_cast<std::size_t>(count), groups.size() * 2));
    count = static_cast<int>(groups.size());
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

bool is_user(const User& user) {
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  gid_t real_group = 0;
  gid_t effective_group = 0;
  gid_t saved_group = 0;
  return ::getresuid(&real, &effective, &saved) == 0 &&
         ::getresgid(&real_group, &effective_group, &saved_group) == 0 && real == user.uid &&
         effective == user.uid && saved == user.uid && real_group == user.gid &&
         effective_group == user.gid && saved_group == user.gid;
}

// 0, or errno. Groups first, as changing them needs privilege.
int change_ids(const User& user) {
  if (::prctl(PR_SET_KEEPCAPS, 1UL, 0UL, 0UL, 0UL) != 0) return errno;
  if (::setgroups(user.groups.size(), user.groups.data()) != 0) return errno;
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return errno;
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return errno;
  return ::prctl(PR_SET_KEEPCAPS, 0UL, 0UL, 0UL, 0UL) == 0 ? 0 : errno;
}

}  // namespace

Result<User> find_user(const std::string& name) {
  std::vector<char> room(16 * 1024);
  ::passwd entry{};
  ::passwd* found = nullptr;
  int code = 0;
  while ((code = ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found)) == ERANGE) {
    room.resize(room.size() * 2);
  }
  if (found == nullptr) {
    const std::string why =
        code == 0 ? " (useradd --system makes one)" : std::string(": ") + std::strerror(code);
    return Error{"there is no user '" + name + "'" + why, code};
  }
  if (entry.pw_uid == 0) {
    return Error{"'" + name + "' is root: name another user, or leave it out"};
  }
  return User{name, entry.pw_uid, entry.pw_gid, groups_of(name, entry.pw_gid)};
}

Result<> become_user(const User& user) {
  if (is_user(user)) return ok();
  const int code = change_ids(user);
  if (code == 0) return ok();
  return os_error(code, "cannot become user " + user.name + " (start as root, or without --user)");
}

Result<> confirm_user(const User& user) {
  const bool is_root_again = ::setresuid(0, 0, 0) == 0 || ::setresgid(0, 0, 0) == 0;
  if (!is_root_again && is_user(user)) return ok();
  return Error{"user " + user.name + " could still become root again", EPERM};
}

}  // namespace hb::daemon
