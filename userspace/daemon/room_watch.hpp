// RoomWatch: asks poll(2) whether there is room again, while lines wait in a LineWriter; then
// writes them, and says what is missing.
//
// A terminal can be writable and yet take nothing (a newline needs room for two bytes): after a
// write that got nowhere there is a rest, so that nobody spins.
//
// Borrows the writer; a nullptr never asks. One thread.
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

  // When to ask again, whatever poll(2) says.
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t now_ns) const {
    return is_waiting() && now_ns < poll_after_ns_ ? poll_after_ns_ : Source::kNever;
  }

  void take(const pollfd& answer, const Clock& clock) {
    if (out_ == nullptr) return;
    if (answer.revents != 0 && !out_->flush()) poll_after_ns_ = clock.now_ns() + kRest_ns;
    out_->tell_gap();
  }

 private:
  static constexpr std::uint64_t kRest_ns = 10 * kNsPerMs;

  [[nodiscard]] bool is_waiting() const { return out_ != nullptr && out_->has_waiting(); }

  LineWriter* out_;
  std::uint64_t poll_after_ns_ = 0;
};

}  // namespace hb::daemon
