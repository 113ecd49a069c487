#include "report/outlet.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "report/journal.hpp"

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

// The first line, as one datagram.
Outlet::Written Outlet::write_entry(std::string_view bytes) const {
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  const Written whole{std::min(line.size() + 1, bytes.size()), 0};
  if (line.empty()) return whole;
  std::array<char, kEntryBytes> entry;
  const std::size_t length = std::min(line.size(), entry.size() - 1);
  std::replace_copy(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(length), entry.begin(),
                    journal::kSeparator, '\n');
  entry[length] = '\n';
  while (::send(fd(), entry.data(), length + 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    const int code = errno;
    if (code != EINTR) return {0, code};
  }
  return whole;
}

Outlet::Written Outlet::write(std::string_view bytes) {
  if (kind_ == Kind::Journal) return write_entry(bytes);
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
