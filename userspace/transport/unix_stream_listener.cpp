#include "transport/unix_stream_listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace hb {

Result<std::unique_ptr<UnixStreamListener>> UnixStreamListener::open(const SocketPlace& place) {
  auto directory = SocketDirectory::open(place.path, place.run_as_uid);
  if (!directory) return directory.error();
  std::unique_ptr<UnixStreamListener> listener(
      new UnixStreamListener(place, std::move(directory).value()));
  if (auto bound = listener->rebind(); !bound) return bound.error();
  if (::listen(listener->socket_.get(), kUnixStreamBacklog) == 0) return listener;
  const int code = errno;
  return os_error(code, "cannot listen at " + place.path);
}

UnixStreamListener::~UnixStreamListener() {
  // A caller that needs the Error calls withdraw() itself.
  [[maybe_unused]] const auto done = withdraw();
}

bool UnixStreamListener::is_lost() const {
  struct stat seen {};
  if (::lstat(place_.path.c_str(), &seen) == 0) {
    return !exists_ || seen.st_dev != device_ || seen.st_ino != inode_;
  }
  const int code = errno;
  return code == ENOENT || code == ENOTDIR;
}

Result<> UnixStreamListener::rebind() {
  if (auto claimed = claim_name(); !claimed) return claimed;
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int code = errno;
  if (!socket) return os_error(code, "cannot make a Unix stream socket");
  socket_ = std::move(socket);
  return bind();
}

// The directory that the path leads to by now, and its lock.
Result<> UnixStreamListener::claim_name() {
  const bool is_ours = claim_ && claim_->is_in_force();
  if (!is_ours || !directory_.is_named()) {
    claim_.reset();
    auto directory = SocketDirectory::open(place_.path, place_.run_as_uid);
    if (!directory) return directory.error();
    directory_ = std::move(directory).value();
    auto claim = PathClaim::take(directory_);
    if (!claim) return claim.error();
    claim_.emplace(std::move(claim).value());
  }
  return clear_name(directory_);
}

// bind(2) applies the umask to the file's mode (unix_bind in net/unix/af_unix.c).
Result<> UnixStreamListener::bind() {
  const mode_t before = ::umask(static_cast<mode_t>(~place_.mode & 0777));
  int code = directory_.with_address([&](const sockaddr_un& address) {
    return ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  });
  ::umask(before);
  if (code != 0) return os_error(code, "cannot bind " + directory_.path());
  struct stat made {};
  if (::fstatat(directory_.fd(), directory_.name().c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0) {
    code = errno;
    return os_error(code, "cannot look at the socket just made, " + directory_.path());
  }
  exists_ = true;
  device_ = made.st_dev;
  inode_ = made.st_ino;
  return ok();
}

Result<> UnixStreamListener::withdraw() {
  if (!std::exchange(exists_, false)) return ok();
  const char* name = directory_.name().c_str();
  struct stat seen {};
  const bool is_there = ::fstatat(directory_.fd(), name, &seen, AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_there || seen.st_dev != device_ || seen.st_ino != inode_) return ok();
  if (::unlinkat(directory_.fd(), name, 0) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot remove the socket " + directory_.path());
}

}  // namespace hb
