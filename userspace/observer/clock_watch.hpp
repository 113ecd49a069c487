// ClockWatch: whether the observer itself was away: stopped by a signal, its virtual machine
// paused, the machine suspended, the clock moved forward. Agents may have been away with it, so
// their silence meanwhile proves nothing.
//
// The observer says by when it will look again. If it comes later than that by half a threshold, or
// the machine was suspended for that long, then it was away, and no silence is judged before one
// more threshold has passed: one instant for all agents, so the cost does not grow with them.
//
// That grace ends early where it is not needed, and it has a bound:
//   - What agents sent while the observer was away shows that the machine ran. Where no stretch of
//     half a threshold is left without such a witness, only the observer was away: its agents could
//     send, and the silence of those that did not is real.
//   - Whoever pauses the observer again and again gets grace only until it has run for one
//   threshold
//     in all since the first of these pauses. So a silence is always told in the end.
//
// Being busy is not being away: in a flood the observer looks again and again. Where no agent is
// alive nothing can be missed, and nothing is counted.
//
// Borrows the clock. One thread. Order of calls: look(), then expect(), and again; meanwhile
// witness() for every stamp, and read_up_to().
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/units.hpp"
#include "observer/clock.hpp"

namespace hb {

struct ClockJump {
  std::uint64_t gap_ns;  // for how long the observer was away, beyond what it had meant to sleep
};

class ClockWatch {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  // A busy machine may be late by less than this without having been away.
  static constexpr std::uint64_t kLeastGap_ns = 100 * kNsPerMs;

  ClockWatch(const Clock& clock, std::uint64_t threshold_ns)
      : clock_(clock),
        threshold_ns_(threshold_ns),
        least_gap_ns_(std::max(threshold_ns / 2, kLeastGap_ns)),
        suspended_ns_(clock.suspended_ns()) {}

  // The observer runs. `thorough`: it may have slept, so ask about suspend too. Says whether it was
  // away.
  bool look(std::uint64_t now_ns, bool thorough) {
    const std::uint64_t suspended_ns = thorough ? newly_suspended_ns() : 0;
    const std::uint64_t slept_ns = now_ns - std::exchange(looked_ns_, now_ns);
    if (expected_ns_ == kNever) return false;
    const std::uint64_t late_ns = now_ns > expected_ns_ ? now_ns - expected_ns_ : 0;
    if (late_ns + suspended_ns < least_gap_ns_) {
      ran_ns_ += slept_ns;
      return false;
    }
    grant_grace(now_ns, late_ns);
    // A suspend is no part of this clock's time, and nobody can be a witness of it.
    if (suspended_ns < least_gap_ns_) open_gap(now_ns, late_ns);
    jump_ = ClockJump{late_ns + suspended_ns};
    return true;
  }

  // It will look again by then; kNever: nobody is alive who could be missed.
  void expect(std::uint64_t by_ns) { expected_ns_ = by_ns; }

  // An agent ran at that instant.
  void witness(std::uint64_t sent_ns) {
    if (sent_ns <= witnessed_ns_ || sent_ns >= gap_end_ns_) return;
    longest_unseen_ns_ = std::max(longest_unseen_ns_, sent_ns - witnessed_ns_);
    witnessed_ns_ = sent_ns;
  }

  // What was sent before that instant has been seen. Then the latest gap can be judged.
  void read_up_to(std::uint64_t horizon_ns) {
    if (gap_end_ns_ == 0 || horizon_ns < gap_end_ns_) return;
    longest_unseen_ns_ = std::max(longest_unseen_ns_, gap_end_ns_ - witnessed_ns_);
    if (longest_unseen_ns_ < least_gap_ns_) judge_from_ns_ = judge_from_before_gap_ns_;
    gap_end_ns_ = 0;
  }

  // How long it may sleep at most while anybody is alive: a gap that hides in a longer sleep would
  // not be seen. During a grace it sleeps less, as only a sleep that ended in time shows that it
  // ran.
  [[nodiscard]] std::uint64_t longest_sleep_ns() const {
    return looked_ns_ < judge_from_ns_ ? least_gap_ns_ / 16 : least_gap_ns_ / 2;
  }

  // No silence may be judged that has not been waited for until then.
  [[nodiscard]] std::uint64_t judge_from_ns() const { return judge_from_ns_; }

  // The latest one, once.
  std::optional<ClockJump> take_jump() { return std::exchange(jump_, std::nullopt); }

 private:
  // Pauses that follow each other within the grace of the one before are a row.
  void grant_grace(std::uint64_t now_ns, std::uint64_t late_ns) {
    judge_from_before_gap_ns_ = judge_from_ns_;
    const std::uint64_t began_ns = now_ns - late_ns;
    if (began_ns >= judge_from_ns_) ran_ns_ = 0;
    if (ran_ns_ >= threshold_ns_) return;
    judge_from_ns_ = now_ns > kNever - threshold_ns_ ? kNever : now_ns + threshold_ns_;
  }

  void open_gap(std::uint64_t now_ns, std::uint64_t late_ns) {
    gap_end_ns_ = now_ns;
    witnessed_ns_ = now_ns - late_ns;
    longest_unseen_ns_ = 0;
  }

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
  std::uint64_t looked_ns_ = 0;
  std::uint64_t expected_ns_ = kNever;
  std::uint64_t judge_from_ns_ = 0;
  std::uint64_t ran_ns_ = 0;  // since the latest row of pauses began
  std::optional<ClockJump> jump_;

  // The latest pause, while what was sent before its end may still come; 0: none.
  std::uint64_t gap_end_ns_ = 0;
  std::uint64_t witnessed_ns_ = 0;       // the latest witness, or when the pause began
  std::uint64_t longest_unseen_ns_ = 0;  // the longest stretch between two of them
  std::uint64_t judge_from_before_gap_ns_ = 0;
};

}  // namespace hb
