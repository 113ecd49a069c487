#include "transport/unix_stream_listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace hb {
namespace {

constexpr int kBacklog = 64;

}  // namespace

Result<std::unique_ptr<UnixStreamListener>> UnixStreamListener::open(const SocketPlace& place) {
  auto directory = SocketDirectory::open(place.path, place.run_as_uid);
  if (!directory) return directory.error();
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int code = errno;
  if (!socket) return os_error(code, "cannot make a Unix stream socket");
  std::unique_ptr<UnixStreamListener> listener(
      new UnixStreamListener(std::move(socket), std::move(directory).value()));
  auto claim = PathClaim::take(listener->directory_);
  if (!claim) return claim.error();
  listener->claim_.emplace(std::move(claim).value());
  if (auto cleared = clear_name(listener->directory_); !cleared) return cleared.error();
  if (auto bound = listener->bind(place.mode); !bound) return bound.error();
  return listener;
}

UnixStreamListener::~UnixStreamListener() {
  // A caller that needs the Error calls withdraw() itself.
  [[maybe_unused]] const auto done = withdraw();
}

// bind(2) applies the umask to the file's mode (unix_bind in net/unix/af_unix.c).
Result<> UnixStreamListener::bind(mode_t mode) {
  const mode_t before = ::umask(static_cast<mode_t>(~mode & 0777));
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
  if (::listen(socket_.get(), kBacklog) == 0) return ok();
  code = errno;
  return os_error(code, "cannot listen at " + directory_.path());
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
