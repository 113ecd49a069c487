// ClockWatch: whether the observer itself was away: stopped by a signal, its virtual machine
// paused, the machine suspended, the clock moved forward. Agents may have been away with it, or
// have sent into a queue that nobody emptied, so their silence meanwhile proves nothing.
//
// The observer says by when it will look again. If it comes later than that by half a threshold, or
// the machine was suspended for that long, then it was away, and no silence is judged before one
// more threshold has passed: one instant for all agents, so the cost does not grow with them. Who
// can pause a machine again and again delays stalls for that long, and no more.
//
// Being busy is not being away: in a flood the observer looks again and again. Where no agent is
// alive nothing can be missed, and nothing is counted.
//
// Borrows the clock. One thread. Order of calls: look(), then expect(), and again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "observer/clock.hpp"

namespace hb {

struct ClockJump {
  std::uint64_t gap_ns;  // for how long the observer was away, beyond what it had meant to sleep
};

class ClockWatch {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  // A busy machine may be late by less than this without having been away.
  static constexpr std::uint64_t kLeastGap_ns = 100'000'000;

  ClockWatch(const Clock& clock, std::uint64_t threshold_ns)
      : clock_(clock),
        threshold_ns_(threshold_ns),
        least_gap_ns_(std::max(threshold_ns / 2, kLeastGap_ns)),
        suspended_ns_(clock.suspended_ns()) {}

  // The observer runs. `thorough`: it may have slept, so ask about suspend too. Says whether it was
  // away.
  bool look(std::uint64_t now_ns, bool thorough) {
    const std::uint64_t suspended_ns = thorough ? newly_suspended_ns() : 0;
    if (expected_ns_ == kNever) return false;
    const std::uint64_t late_ns = now_ns > expected_ns_ ? now_ns - expected_ns_ : 0;
    if (late_ns + suspended_ns < least_gap_ns_) return false;
    judge_from_ns_ = now_ns > kNever - threshold_ns_ ? kNever : now_ns + threshold_ns_;
    jump_ = ClockJump{late_ns + suspended_ns};
    return true;
  }

  // It will look again by then; kNever: nobody is alive who could be missed.
  void expect(std::uint64_t by_ns) { expected_ns_ = by_ns; }

  // How long it may sleep at most while anybody is alive: a gap that hides in a longer sleep would
  // not be seen.
  [[nodiscard]] std::uint64_t longest_sleep_ns() const { return least_gap_ns_ / 2; }

  // No silence may be judged that has not been waited for until then.
  [[nodiscard]] std::uint64_t judge_from_ns() const { return judge_from_ns_; }

  // The latest one, once.
  std::optional<ClockJump> take_jump() { return std::exchange(jump_, std::nullopt); }

 private:
  // The reading may say too little, so that the next one seems to grow: hold on to the largest.
  std::uint64_t newly_suspended_ns() {
    const std::uint64_t before = suspended_ns_;
    suspended_ns_ = std::max(before, clock_.suspended_ns());
    return suspended_ns_ - before;
  }

  const Clock& clock_;
  const std::uint64_t threshold_ns_;
  const std::uint64_t least_gap_ns_;
  std::uint64_t suspended_ns_;
  std::uint64_t expected_ns_ = kNever;
  std::uint64_t judge_from_ns_ = 0;
  std::optional<ClockJump> jump_;
};

}  // namespace hb
