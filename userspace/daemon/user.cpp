#include "daemon/user.hpp"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

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

bool is_user(const User& user, std::optional<gid_t> file_group) {
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  gid_t real_group = 0;
  gid_t effective_group = 0;
  gid_t saved_group = 0;
  return ::getresuid(&real, &effective, &saved) == 0 &&
         ::getresgid(&real_group, &effective_group, &saved_group) == 0 && real == user.uid &&
         effective == user.uid && saved == user.uid && real_group == user.gid &&
         effective_group == user.gid && saved_group == file_group.value_or(user.gid);
}

// Changing ids takes the signal away that comes at the parent's end (prctl(2)): of `hb-ebpf keep`.
// 0, or errno.
int tie_to_parent(int signal, pid_t parent) {
  if (signal == 0) return 0;
  const auto number = static_cast<unsigned long>(signal);
  if (::prctl(PR_SET_PDEATHSIG, number, 0UL, 0UL, 0UL) != 0) return errno;
  if (::getppid() != parent) ::raise(signal);  // it has ended meanwhile
  return 0;
}

// 0, or errno. Groups first, as changing them needs privilege.
int change_ids(const User& user, gid_t saved_group) {
  if (::prctl(PR_SET_KEEPCAPS, 1UL, 0UL, 0UL, 0UL) != 0) return errno;
  int at_parents_end = 0;
  if (::prctl(PR_GET_PDEATHSIG, &at_parents_end, 0UL, 0UL, 0UL) != 0) return errno;
  const pid_t parent = ::getppid();
  if (::setgroups(user.groups.size(), user.groups.data()) != 0) return errno;
  if (::setresgid(user.gid, user.gid, saved_group) != 0) return errno;
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return errno;
  if (const int code = tie_to_parent(at_parents_end, parent); code != 0) return code;
  return ::prctl(PR_SET_KEEPCAPS, 0UL, 0UL, 0UL, 0UL) == 0 ? 0 : errno;
}

constexpr std::uint32_t kNoId = 0xFFFFFFFF;  // "leave as it is" to setresuid(2)

// The entry that `get` finds, a getpw*_r(3) without its first argument; nullopt: there is none.
template <typename Get>
Result<std::optional<User>> look_up(Get get) {
  std::vector<char> room(16 * 1024);
  ::passwd entry{};
  ::passwd* found = nullptr;
  int code = 0;
  while ((code = get(&entry, room.data(), room.size(), &found)) == ERANGE) {
    room.resize(room.size() * 2);
  }
  const bool failed = code != 0 && code != ENOENT;  // ENOENT: there is no /etc/passwd
  if (found == nullptr && failed) return Error{"", code};
  if (found == nullptr) return std::optional<User>();
  return std::optional(User{entry.pw_name, entry.pw_uid, entry.pw_gid, {}});
}

// Root's group would leave the observer more than its user has.
Result<User> checked(User user, const std::string& text) {
  if (user.uid == 0) return Error{"'" + text + "' is root: name another user, or leave it out"};
  if (user.gid == 0) return Error{"the group of '" + text + "' is root's: name another user"};
  if (user.groups.empty()) user.groups = groups_of(user.name, user.gid);
  return user;
}

// Of "1234:5678", which are no names: nobody needs to have them.
Result<User> user_of_ids(uid_t uid, const std::string& text, std::size_t colon) {
  const auto gid = numeric_id(std::string_view(text).substr(colon + 1));
  if (gid) return checked({text, uid, *gid, {*gid}}, text);
  return Error{"'" + text + "' is not UID:GID, two numbers"};
}

}  // namespace

std::optional<std::uint32_t> numeric_id(std::string_view text) {
  std::uint32_t id = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, id);
  if (parsed.ec != std::errc{} || parsed.ptr != end || id == kNoId) return std::nullopt;
  return id;
}

Result<User> find_user(const std::string& text) {
  const auto by_name = look_up([&](auto... rest) { return ::getpwnam_r(text.c_str(), rest...); });
  if (!by_name) return os_error(by_name.error().code, "there is no user '" + text + "'");
  if (by_name.value()) return checked(*by_name.value(), text);
  const auto colon = text.find(':');
  const auto uid = numeric_id(std::string_view(text).substr(0, colon));
  if (!uid) return Error{"there is no user '" + text + "' (useradd --system makes one)"};
  if (colon != std::string::npos) return user_of_ids(*uid, text, colon);
  const auto by_uid = look_up([&](auto... rest) { return ::getpwuid_r(*uid, rest...); });
  if (!by_uid) return os_error(by_uid.error().code, "there is no user '" + text + "'");
  if (by_uid.value()) return checked(*by_uid.value(), text);
  return Error{"no user has the uid " + text + ", so its group is not known: give it too, as " +
               text + ":GID"};
}

Result<> become_user(const User& user, std::optional<gid_t> file_group) {
  if (is_user(user, std::nullopt) || is_user(user, file_group)) return ok();
  const int code = change_ids(user, file_group.value_or(user.gid));
  if (code == 0) return ok();
  return os_error(code, "cannot become user " + user.name + " (start as root, or without --user)");
}

Result<> confirm_user(const User& user, std::optional<gid_t> file_group) {
  const bool is_root_again = ::setresuid(0, 0, 0) == 0 || ::setresgid(0, 0, 0) == 0;
  const bool is_user_now = is_user(user, std::nullopt) || is_user(user, file_group);
  if (!is_root_again && is_user_now) return ok();
  return Error{"user " + user.name + " could still become root again", EPERM};
}

void keep_file_group(gid_t group) {
  [[maybe_unused]] const int refused =
      ::setresgid(static_cast<gid_t>(-1), static_cast<gid_t>(-1), group);
}

void load_name_services() {
  constexpr const char* kNobodys = "no:name";  // a name cannot have a colon
  [[maybe_unused]] const auto* user = ::getpwnam(kNobodys);
  [[maybe_unused]] const auto* group = ::getgrnam(kNobodys);
}

}  // namespace hb::daemon
