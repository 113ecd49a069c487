#include "transport/path_claim.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "transport/unix_address.hpp"

namespace hb {
namespace {

constexpr const char* kElsewhere = "choose another path for the socket";

bool is_ours_alone(const struct stat& directory) {
  return directory.st_uid == ::geteuid() && (directory.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// Works on the descriptor, as the path may have been replaced since mkdir(2).
Result<> give(const std::string& directory, uid_t run_as_uid) {
  const Fd made(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  int code = errno;
  if (!made) return os_error(code, "cannot open the directory just made, " + directory);
  struct stat parent {};
  if (::fstatat(made.get(), "..", &parent, 0) != 0 || !is_ours_alone(parent)) return ok();
  const int refused = ::fchown(made.get(), run_as_uid, static_cast<gid_t>(-1));
  code = errno;
  if (refused == 0) return ok();
  return os_error(code, "cannot give " + directory + " to user " + std::to_string(run_as_uid));
}

Result<> make_directory(const std::string& directory, std::optional<uid_t> run_as_uid) {
  if (::mkdir(directory.c_str(), 0755) == 0)
    return run_as_uid ? give(directory, *run_as_uid) : ok();
  const int code = errno;
  if (code == EEXIST) return ok();
  struct stat seen {};
  if (::stat(directory.c_str(), &seen) == 0)
    return ok();  // EROFS and EACCES may come before EEXIST
  const std::string remedy = code == ENOENT ? " (its parent is missing too: mkdir -p)" : "";
  return os_error(code, "cannot make the socket's directory " + directory + remedy);
}

bool is_named(const Fd& file, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(file.get(), &held) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

// Refuses a file that another user may have put there, as the directory may be another user's. Link
// count 0: the lock file was just removed by its holder.
Result<> examine_lock(const Fd& file, const std::string& lock_path) {
  struct stat seen {};
  const int refused = ::fstat(file.get(), &seen);
  const int code = errno;
  if (refused != 0) return os_error(code, "cannot look at the lock file " + lock_path);
  if (S_ISREG(seen.st_mode) && seen.st_nlink <= 1) return ok();
  return Error{"the lock file " + lock_path +
                   " is not a regular file, or has more than one hard link: remove it, or " +
                   kElsewhere,
               EINVAL};
}

// Does not follow a symbolic link (O_NOFOLLOW).
Result<Fd> open_lock(const std::string& lock_path) {
  Fd file(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
  const int code = errno;
  if (file) {
    const auto good = examine_lock(file, lock_path);
    return good ? Result<Fd>(std::move(file)) : good.error();
  }
  return os_error(code,
                  "cannot open the lock file " + lock_path + " (if it is not ours, remove it)");
}

Error taken(const std::string& path) {
  return Error{"another observer owns " + path + ": stop it, or " + kElsewhere, EADDRINUSE};
}

// The errno of connect(2), or 0: 0 and most errors mean that a live process has the socket open.
int probe(const sockaddr_un& address) {
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno;
  const int refused =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return refused == 0 ? 0 : errno;
}

Result<> remove_stale(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return ok();
  const int code = errno;
  if (code == ENOENT) return ok();
  return os_error(code, "cannot remove the stale socket " + path);
}

Result<> clear_socket(const std::string& path, const sockaddr_un& address) {
  switch (const int answer = probe(address)) {
    case ECONNREFUSED: return remove_stale(path);
    case ENOENT: return ok();
    case 0:
    case EPROTOTYPE:  // a live socket of another type
    case EPERM:       // a live one that is connected to another socket
      return Error{"a live process receives at " + path + ": stop it, or " + kElsewhere,
                   EADDRINUSE};
    default:
      return os_error(answer, "cannot tell whether the socket " + path +
                                  " is in use; remove it, or " + kElsewhere);
  }
}

Result<> clear(const std::string& path, const sockaddr_un& address) {
  struct stat seen {};
  if (::lstat(path.c_str(), &seen) != 0) {
    const int code = errno;
    return code == ENOENT ? ok() : Result<>(os_error(code, "cannot look at " + path));
  }
  if (S_ISSOCK(seen.st_mode)) return clear_socket(path, address);
  return Error{path + " exists and is not a socket: remove it, or " + kElsewhere, EEXIST};
}

}  // namespace

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A holder removes its lock file before it unlocks it. So after locking check that the path still
// names the same file; otherwise two processes could each hold a lock.
Result<PathClaim> PathClaim::lock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  for (int attempt = 0; attempt < 16; ++attempt) {
    auto file = open_lock(lock_path);
    if (!file) return file.error();
    if (::flock(file.value().get(), LOCK_EX | LOCK_NB) != 0) {
      const int code = errno;
      if (code == EWOULDBLOCK) return taken(path);
      return os_error(code, "cannot lock " + lock_path);
    }
    if (is_named(file.value(), lock_path)) return PathClaim(lock_path, std::move(file).value());
  }
  return taken(path);
}

Result<PathClaim> PathClaim::take(const std::string& path, std::optional<uid_t> run_as_uid) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  if (auto made = make_directory(directory_of(path), run_as_uid); !made) return made.error();
  auto claim = lock(path);
  if (!claim) return claim;
  if (auto cleared = clear(path, address.value()); !cleared) return cleared.error();
  return claim;
}

PathClaim::~PathClaim() {
  if (lock_ && is_named(lock_, lock_path_)) ::unlink(lock_path_.c_str());
}

}  // namespace hb
