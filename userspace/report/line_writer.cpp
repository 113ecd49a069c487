#include "report/line_writer.hpp"

#include <limits.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace hb {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kForever = -1;

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
}

bool says(const pollfd& polled) { return polled.revents != 0; }

bool writable_within(int fd, int timeout_ms) {
  pollfd output{fd, POLLOUT, 0};
  return ::poll(&output, 1, timeout_ms) > 0;
}

}  // namespace

void LineWriter::never_wait(std::size_t bytes) {
  if (!ending_) buffer_.emplace(bytes);
}

bool LineWriter::write(std::string_view line) {
  if (!telling_) tell_gap();
  if (!closed_ && !losing_ && put(line)) return true;
  lose(1);
  return false;
}

// Appends behind the lines that are in the buffer.
bool LineWriter::put(std::string_view line) {
  if (has_waiting()) return keep(line, false);
  return complete_torn_line() && give(line);
}

bool LineWriter::complete_torn_line() {
  if (!torn_) return true;
  if (!give("\n")) return false;
  torn_ = false;
  return true;
}

bool LineWriter::give(std::string_view line) {
  const std::size_t whole = line.size();
  Deadline deadline;
  while (!line.empty()) {
    auto [bytes, code] = outlet_.write(line);
    line.remove_prefix(bytes);
    if (code == 0) continue;
    if (code == EAGAIN && buffer_) return keep(line, line.size() < whole);
    if (code == EAGAIN && wait_for_room(deadline)) continue;
    torn_ = torn_ || line.size() < whole;
    fail(code == EAGAIN ? ETIMEDOUT : code);
    return false;
  }
  return true;
}

bool LineWriter::keep(std::string_view line, bool is_begun) {
  if (is_begun ? buffer_->append_rest(line) : buffer_->append(line)) return true;
  torn_ = torn_ || is_begun;
  losing_ = true;
  return false;
}

// Without limit; once stop_fd_ is readable, until `deadline`, which is set then.
bool LineWriter::wait_for_room(Deadline& deadline) const {
  if (!ending_ && !deadline) {
    std::array<pollfd, 2> polled{pollfd{fd(), POLLOUT, 0}, pollfd{stop_fd_, POLLIN, 0}};
    while (::poll(polled.data(), polled.size(), kForever) < 0 && errno == EINTR) {
    }
    if (!says(polled[1])) return true;
  }
  if (!deadline) deadline = Clock::now() + milliseconds(kLastChanceMs);
  const auto left = std::chrono::ceil<milliseconds>(*deadline - Clock::now());
  return left.count() > 0 && writable_within(fd(), static_cast<int>(left.count()));
}

// Whole lines of at most PIPE_BUF bytes.
bool LineWriter::flush() {
  bool wrote = false;
  while (has_waiting()) {
    const auto [bytes, code] = outlet_.write(buffer_->front(PIPE_BUF));
    buffer_->pop(bytes);
    if (code == EAGAIN) return wrote;
    if (code != 0) {
      fail(code);
      drop_waiting();
    }
    wrote = true;
  }
  return true;
}

void LineWriter::drop_waiting() {
  torn_ = torn_ || buffer_->begins_within_a_line();
  lose(buffer_->lines());
  buffer_->clear();
}

void LineWriter::tell_gap() {
  if (gap_.lines == 0 || !tell_ || closed_) return;
  if (losing_ && buffer_ && !buffer_->is_half_empty()) return;
  losing_ = false;
  telling_ = true;
  gap_line_lost_ = false;
  tell_(gap_);
  telling_ = false;
  if (!gap_line_lost_) gap_.lines = 0;
}

void LineWriter::end() {
  ending_ = true;
  if (buffer_) drain();
  buffer_.reset();
  losing_ = false;
}

void LineWriter::drain() {
  const auto deadline = Clock::now() + milliseconds(kDrainMs);
  flush();
  while (has_waiting() && Clock::now() < deadline) {
    if (!writable_within(fd(), kLastChanceMs)) {
      fail(ETIMEDOUT);
      break;
    }
    flush();
  }
  if (has_waiting()) drop_waiting();
}

void LineWriter::lose(std::uint64_t lines) {
  if (telling_) {
    gap_line_lost_ = true;
    return;
  }
  if (gap_.lines == 0) gap_.since_ns = now_ns();
  gap_.lines += lines;
  lost_ += lines;
}

void LineWriter::fail(int code) {
  closed_ = closed_ || code == EPIPE || code == EBADF || code == ETIMEDOUT;
  if (code == reported_) return;
  reported_ = code;
  problem_ = os_error(code, "cannot write the event stream");
}

std::optional<Error> LineWriter::take_problem() { return std::exchange(problem_, std::nullopt); }

}  // namespace hb
