#include "report/line_writer.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace hb {
namespace {

constexpr int kForever = -1;
constexpr int kLastChanceMs = 200;

bool is_regular_file(int fd) {
  struct stat seen {};
  return ::fstat(fd, &seen) == 0 && S_ISREG(seen.st_mode);
}

bool says(const pollfd& polled) { return polled.revents != 0; }

bool writable_within(int fd, int timeout_ms) {
  pollfd output{fd, POLLOUT, 0};
  return ::poll(&output, 1, timeout_ms) > 0;
}

}  // namespace

LineWriter::LineWriter(int fd, int stop_fd)
    : fd_(fd), stop_fd_(stop_fd), may_block_(!is_regular_file(fd)) {}

void LineWriter::write(std::string_view line) {
  if (closed_) {
    ++lost_;
    return;
  }
  int code = wait_for_room() ? 0 : ETIMEDOUT;
  if (code == 0 && torn_) code = write_all("\n");
  if (code == 0) code = write_all(line);
  if (code != 0) fail(code);
}

// A pipe that polls writable takes PIPE_BUF bytes without blocking (pipe(7)), and no line is
// longer.
bool LineWriter::wait_for_room() const {
  if (!may_block_) return true;
  if (ending_) return writable_within(fd_, kLastChanceMs);
  std::array<pollfd, 2> polled{pollfd{fd_, POLLOUT, 0}, pollfd{stop_fd_, POLLIN, 0}};
  while (::poll(polled.data(), polled.size(), kForever) < 0 && errno == EINTR) {
  }
  return says(polled[0]) || writable_within(fd_, kLastChanceMs);
}

// 0, or errno.
int LineWriter::write_all(std::string_view line) {
  const std::size_t whole = line.size();
  while (!line.empty()) {
    const ssize_t written = ::write(fd_, line.data(), line.size());
    const int code = errno;
    if (written < 0 && code == EINTR) continue;
    if (written < 0 && code == EAGAIN && wait_for_room()) continue;
    if (written < 0) {
      torn_ = torn_ || line.size() < whole;
      return code;
    }
    line.remove_prefix(static_cast<std::size_t>(written));
  }
  torn_ = false;
  return 0;
}

void LineWriter::fail(int code) {
  ++lost_;
  closed_ = code == EPIPE || code == EBADF || code == ETIMEDOUT || code == EAGAIN;
  if (code == reported_) return;
  reported_ = code;
  problem_ = os_error(code, "cannot write the event stream");
}

std::optional<Error> LineWriter::take_problem() { return std::exchange(problem_, std::nullopt); }

}  // namespace hb
