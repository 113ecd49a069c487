#include "transport/path_claim.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

namespace hb {
namespace {

constexpr const char* kElsewhere = "choose another path for the socket";

std::string lock_name(const SocketDirectory& directory) { return directory.name() + ".lock"; }
std::string lock_path(const SocketDirectory& directory) { return directory.path() + ".lock"; }

bool is_named(const Fd& file, const SocketDirectory& directory, const std::string& name) {
  struct stat held {};
  struct stat named {};
  return ::fstat(file.get(), &held) == 0 &&
         ::fstatat(directory.fd(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

// Refuses a file that another user may have put there, as the directory may be another user's. Link
// count 0: the lock file was just removed by its holder.
Result<> examine_lock(const Fd& file, const std::string& path) {
  struct stat seen {};
  const int refused = ::fstat(file.get(), &seen);
  const int code = errno;
  if (refused != 0) return os_error(code, "cannot look at the lock file " + path);
  if (S_ISREG(seen.st_mode) && seen.st_nlink <= 1) return ok();
  return Error{"the lock file " + path +
                   " is not a regular file, or has more than one hard link: remove it, or " +
                   kElsewhere,
               EINVAL};
}

// Does not follow a symbolic link (O_NOFOLLOW).
Result<Fd> open_lock(const SocketDirectory& directory) {
  Fd file(::openat(directory.fd(), lock_name(directory).c_str(),
                   O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
  const int code = errno;
  const std::string path = lock_path(directory);
  if (file) {
    const auto good = examine_lock(file, path);
    return good ? Result<Fd>(std::move(file)) : good.error();
  }
  return os_error(code, "cannot open the lock file " + path + " (if it is not ours, remove it)");
}

Error taken(const std::string& path) {
  return Error{"another observer owns " + path + ": stop it, or " + kElsewhere, EADDRINUSE};
}

// The errno of connect(2), or 0: 0 and most errors mean that a live process has the socket open.
int probe(const SocketDirectory& directory) {
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno;
  return directory.with_address([&](const sockaddr_un& address) {
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  });
}

Result<> remove_stale(const SocketDirectory& directory) {
  if (::unlinkat(directory.fd(), directory.name().c_str(), 0) == 0) return ok();
  const int code = errno;
  if (code == ENOENT) return ok();
  return os_error(code, "cannot remove the stale socket " + directory.path());
}

Result<> clear_socket(const SocketDirectory& directory) {
  switch (const int answer = probe(directory)) {
    case ECONNREFUSED: return remove_stale(directory);
    case ENOENT: return ok();
    case 0:
    case EPROTOTYPE:  // a live socket of another type
    case EPERM:       // a live one that is connected to another socket
      return Error{"a live process receives at " + directory.path() + ": stop it, or " + kElsewhere,
                   EADDRINUSE};
    default:
      return os_error(answer, "cannot tell whether the socket " + directory.path() +
                                  " is in use; remove it, or " + kElsewhere);
  }
}

}  // namespace

Result<> clear_name(const SocketDirectory& directory) {
  struct stat seen {};
  if (::fstatat(directory.fd(), directory.name().c_str(), &seen, AT_SYMLINK_NOFOLLOW) != 0) {
    const int code = errno;
    return code == ENOENT ? ok() : Result<>(os_error(code, "cannot look at " + directory.path()));
  }
  if (S_ISSOCK(seen.st_mode)) return clear_socket(directory);
  return Error{directory.path() + " exists and is not a socket: remove it, or " + kElsewhere,
               EEXIST};
}

// A holder removes its lock file before it unlocks it. So after locking check that the name is
// still that of the same file; otherwise two processes could each hold a lock.
Result<PathClaim> PathClaim::take(const SocketDirectory& directory) {
  for (int attempt = 0; attempt < 16; ++attempt) {
    auto file = open_lock(directory);
    if (!file) return file.error();
    if (::flock(file.value().get(), LOCK_EX | LOCK_NB) != 0) {
      const int code = errno;
      if (code == EWOULDBLOCK) return taken(directory.path());
      return os_error(code, "cannot lock " + lock_path(directory));
    }
    PathClaim claim(directory, std::move(file).value());
    if (claim.is_in_force()) return claim;
  }
  return taken(directory.path());
}

std::optional<PathClaim> PathClaim::adopt(const SocketDirectory& directory, Fd lock) {
  PathClaim claim(directory, std::move(lock));
  if (claim.is_in_force() && ::flock(claim.fd(), LOCK_EX | LOCK_NB) == 0) return claim;
  claim.leave();
  return std::nullopt;
}

bool PathClaim::is_in_force() const {
  return lock_ && is_named(lock_, *directory_, lock_name(*directory_));
}

PathClaim::~PathClaim() {
  if (is_in_force()) ::unlinkat(directory_->fd(), lock_name(*directory_).c_str(), 0);
}

}  // namespace hb
