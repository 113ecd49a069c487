// RoomWatch: while a LineWriter has buffered lines, polls its descriptor for POLLOUT, writes the
// lines, and reports lost ones.
//
// A terminal can poll as writable and yet write nothing (a newline needs room for two bytes), so
// after such a write there is a pause instead of a busy loop.
//
// Borrows the writer, which may be nullptr. One thread.
#pragma once

#include <poll.h>

#include <cstdint>

#include "base/units.hpp"
#include "observer/clock.hpp"
#include "observer/source.hpp"
#include "report/line_writer.hpp"

namespace hb::daemon {

class RoomWatch {
 public:
  explicit RoomWatch(LineWriter* out) : out_(out) {}

  [[nodiscard]] pollfd ask(std::uint64_t now_ns) const {
    return {is_waiting() && now_ns >= poll_after_ns_ ? out_->fd() : -1, POLLOUT, 0};
  }

  // The end of the pause.
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t now_ns) const {
    return is_waiting() && now_ns < poll_after_ns_ ? poll_after_ns_ : Source::kNever;
  }

  void take(const pollfd& answer, const Clock& clock) {
    if (out_ == nullptr) return;
    if (answer.revents != 0 && !out_->flush()) poll_after_ns_ = clock.now_ns() + kRetry_ns;
    out_->tell_gap();
  }

 private:
  static constexpr std::uint64_t kRetry_ns = 10 * kNsPerMs;

  [[nodiscard]] bool is_waiting() const { return out_ != nullptr && out_->has_waiting(); }

  LineWriter* out_;
  std::uint64_t poll_after_ns_ = 0;
};

}  // namespace hb::daemon
