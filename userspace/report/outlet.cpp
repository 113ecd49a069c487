#include "report/outlet.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace hb {
namespace {

constexpr int kFlags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

bool is_open_for_writing(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

}  // namespace

Outlet::Outlet(int fd) : fd_(fd), kind_(find_kind()) {}

Outlet::Kind Outlet::find_kind() {
  struct stat seen {};
  if (::fstat(fd_, &seen) != 0 || S_ISREG(seen.st_mode)) return Kind::Unread;
  if (S_ISSOCK(seen.st_mode)) return Kind::Socket;
  if (!S_ISFIFO(seen.st_mode) && ::isatty(fd_) != 1) return Kind::Unread;
  if (!is_open_for_writing(fd_)) return Kind::Shared;  // every write will fail
  own_.reset(::open(("/dev/fd/" + std::to_string(fd_)).c_str(), kFlags));
  return own_ ? Kind::Own : Kind::Shared;
}

bool Outlet::has_room() const {
  pollfd polled{fd_, POLLOUT, 0};
  return ::poll(&polled, 1, 0) > 0;
}

Outlet::Written Outlet::write(std::string_view bytes) {
  if (kind_ == Kind::Shared) {
    if (!has_room()) return {0, EAGAIN};
    bytes = bytes.substr(0, PIPE_BUF);
  }
  for (;;) {
    const ssize_t written =
        kind_ == Kind::Socket ? ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                              : ::write(fd(), bytes.data(), bytes.size());
    const int code = errno;
    if (written >= 0) return {static_cast<std::size_t>(written), 0};
    if (code != EINTR) return {0, code};
    if (kind_ == Kind::Shared) return {0, EAGAIN};
  }
}

}  // namespace hb
