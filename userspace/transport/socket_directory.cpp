#include "transport/socket_directory.hpp"

#include <limits.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <string_view>

#include "transport/unix_address.hpp"

namespace hb {
namespace {

constexpr int kMostLinks = 40;  // as the kernel has it (path_resolution(7))
constexpr int kWalk = O_PATH | O_CLOEXEC;

// "/run/hb" of "/run/hb/hb.sock"; "." of "hb.sock".
std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_of_root_or_us(const struct stat& seen) {
  return seen.st_uid == 0 || seen.st_uid == ::geteuid();
}

bool is_writable_by_others(const struct stat& directory) {
  return (directory.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

bool is_ours_alone(const struct stat& directory) {
  return directory.st_uid == ::geteuid() && !is_writable_by_others(directory);
}

// Whether nobody but root and we can put something else in the place of `entry`. In a directory
// with the sticky bit, only the owner of an entry can.
bool is_safe_in(const struct stat& directory, const struct stat& entry) {
  if (!is_of_root_or_us(directory) || !is_of_root_or_us(entry)) return false;
  return !is_writable_by_others(directory) || (directory.st_mode & S_ISVTX) != 0;
}

// A link that the kernel resolves by other means than its text, such as /proc/PID/root.
bool is_magic(const Fd& link) {
  struct statfs seen {};
  return ::fstatfs(link.get(), &seen) == 0 && seen.f_type == PROC_SUPER_MAGIC;
}

// Walks a path, one component at a time.
class Walk {
 public:
  explicit Walk(const std::string& directory) : path_(directory) { push_front(directory); }

  // Every component, or all but the last if that does not exist: then it is missing().
  Result<> go() {
    if (auto begun = begin(path_.front() == '/' ? "/" : "."); !begun) return begun;
    while (!rest_.empty()) {
      const std::string component = rest_.front();
      rest_.pop_front();
      if (auto went = step(component); !went) return went;
      if (!missing_.empty()) return ok();
    }
    return ok();
  }

  Result<> make_missing(std::optional<uid_t> run_as_uid) {
    const std::string name = std::exchange(missing_, {});
    if (::mkdirat(at_.get(), name.c_str(), 0755) == 0) {
      if (run_as_uid) {
        if (auto given = give(name, *run_as_uid); !given) return given;
      }
    } else if (const int code = errno; code != EEXIST) {
      return os_error(code, "cannot make the socket's directory " + path_);
    }
    if (auto went = step(name); !went) return went;
    if (missing_.empty()) return ok();
    return os_error(ENOENT, "the socket's directory was removed while it was made: " + path_);
  }

  [[nodiscard]] const std::string& missing() const { return missing_; }
  [[nodiscard]] bool leads_one_way() const { return leads_one_way_; }
  [[nodiscard]] Fd take() { return std::move(at_); }

 private:
  Result<> begin(const char* directory) {
    at_.reset(::open(directory, kWalk | O_DIRECTORY));
    const int code = errno;
    return at_ ? ok() : Result<>(os_error(code, std::string("cannot open ") + directory));
  }

  void push_front(std::string_view path) {
    std::deque<std::string> components;
    while (!path.empty()) {
      const auto slash = path.find('/');
      const auto component = path.substr(0, slash);
      if (!component.empty() && component != ".") components.emplace_back(component);
      path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    }
    rest_.insert(rest_.begin(), components.begin(), components.end());
  }

  Result<> step(const std::string& component) {
    Fd next(::openat(at_.get(), component.c_str(), kWalk | O_NOFOLLOW));
    const int code = errno;
    if (!next && code == ENOENT && rest_.empty()) {
      missing_ = component;
      return ok();
    }
    const std::string remedy = code == ENOENT ? " (its parent is missing too: mkdir -p)" : "";
    if (!next) return os_error(code, "cannot open the socket's directory " + path_ + remedy);
    struct stat here {};
    struct stat there {};
    if (::fstat(at_.get(), &here) != 0 || ::fstat(next.get(), &there) != 0) {
      const int refused = errno;
      return os_error(refused, "cannot look at the socket's directory " + path_);
    }
    const bool is_safe = is_safe_in(here, there);
    if (S_ISLNK(there.st_mode)) return follow(component, next, is_safe);
    if (!S_ISDIR(there.st_mode)) {
      return os_error(ENOTDIR, "cannot open the socket's directory " + path_);
    }
    leads_one_way_ = leads_one_way_ && is_safe;
    at_ = std::move(next);
    return ok();
  }

  Result<> follow(const std::string& component, const Fd& link, bool is_safe) {
    if (!is_safe) {
      return Error{"in the socket's path, " + path_ + ", '" + component +
                       "' is a symbolic link that others than root and this user could have made: "
                       "give the path that it leads to",
                   ELOOP};
    }
    if (++links_ > kMostLinks) return os_error(ELOOP, "cannot open " + path_);
    if (is_magic(link)) return begin_at_magic(component);
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(link.get(), "", target.data(), target.size());
    const int code = errno;
    if (length <= 0) return os_error(code, "cannot read the link '" + component + "' in " + path_);
    const std::string_view text(target.data(), static_cast<std::size_t>(length));
    push_front(text);
    return text.front() == '/' ? begin("/") : ok();
  }

  Result<> begin_at_magic(const std::string& component) {
    Fd next(::openat(at_.get(), component.c_str(), kWalk | O_DIRECTORY));
    const int code = errno;
    if (!next) return os_error(code, "cannot open '" + component + "' in " + path_);
    leads_one_way_ = false;  // it may name another process's directory
    at_ = std::move(next);
    return ok();
  }

  // Works on the descriptor, as the name may have been replaced since mkdir(2).
  Result<> give(const std::string& name, uid_t run_as_uid) {
    const Fd made(
        ::openat(at_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    int code = errno;
    if (!made) return os_error(code, "cannot open the directory just made, " + path_);
    struct stat parent {};
    if (::fstatat(made.get(), "..", &parent, 0) != 0 || !is_ours_alone(parent)) return ok();
    const int refused = ::fchown(made.get(), run_as_uid, static_cast<gid_t>(-1));
    code = errno;
    if (refused == 0) return ok();
    return os_error(code, "cannot give " + path_ + " to user " + std::to_string(run_as_uid));
  }

  const std::string path_;
  std::deque<std::string> rest_;  // components still to be walked
  std::string missing_;
  Fd at_;
  bool leads_one_way_ = true;
  int links_ = 0;
};

}  // namespace

// Only from a working directory that can be searched: otherwise it could not be changed back.
SocketDirectory::WorkingDirectory::WorkingDirectory(const Fd& directory)
    : before_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!before_ || ::fchdir(before_.get()) != 0 || ::fchdir(directory.get()) != 0) code_ = errno;
}

SocketDirectory::WorkingDirectory::~WorkingDirectory() {
  const int code = errno;
  if (before_ && code_ == 0) [[maybe_unused]]
    const int refused = ::fchdir(before_.get());
  errno = code;
}

Result<SocketDirectory> SocketDirectory::open(const std::string& path,
                                              std::optional<uid_t> run_as_uid) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  Walk walk(directory_of(path));
  if (auto went = walk.go(); !went) return went.error();
  if (!walk.missing().empty()) {
    if (auto made = walk.make_missing(run_as_uid); !made) return made.error();
  }
  SocketDirectory opened;
  opened.path_ = path;
  opened.name_ = name_of(path);
  opened.leads_one_way_ = walk.leads_one_way();
  opened.directory_ = walk.take();
  opened.address_ = address.value();
  opened.short_address_ = unix_address(opened.name_).value();
  return opened;
}

// /dev/fd is /proc/self/fd, whose entries lead to what is open.
sockaddr_un SocketDirectory::address_by_descriptor() const {
  const auto made = unix_address("/dev/fd/" + std::to_string(directory_.get()) + "/" + name_);
  return made ? made.value() : short_address_;
}

bool SocketDirectory::is_named() const {
  struct stat held {};
  struct stat named {};
  return ::fstat(directory_.get(), &held) == 0 &&
         ::stat(directory_of(path_).c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

}  // namespace hb
