// ClockWatch: detects that the observer itself did not run: it was stopped by a signal, its virtual
// machine paused, or the machine suspended. Its agents may not have run either, so their silence in
// that time proves nothing.
//
// The observer says when it will run again (expect()). If it is late by half a threshold, or the
// machine was suspended for so long, that is a gap, and for one more threshold, the grace, no
// silence is judged. The grace is one instant for all agents, so the cost does not grow with their
// number.
//
// The grace ends early where it is not needed, and it is bounded:
//   - If agents kept sending during the gap, at intervals below half a threshold, then only the
//     observer did not run, and the silence of other agents is real.
//   - If a gap follows within the grace of another, grace ends when the observer has run for one
//     threshold in total since the first of them. So a silence is always reported in the end.
//
// A busy observer is not late: it calls look() again and again. Without live agents no gap is
// reported.
//
// Borrows the clock. One thread. Order of calls: look(), then expect(), repeatedly; in between
// note_sent() for every stamp, and read_up_to().
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/units.hpp"
#include "observer/clock.hpp"

namespace hb {

struct ClockJump {
  std::uint64_t gap_ns;  // how long the observer did not run, without its intended sleep
};

class ClockWatch {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  // Being late by less than this is normal on a busy machine.
  static constexpr std::uint64_t kLeastGap_ns = 100 * kNsPerMs;

  ClockWatch(const Clock& clock, std::uint64_t threshold_ns)
      : clock_(clock),
        threshold_ns_(threshold_ns),
        least_gap_ns_(std::max(threshold_ns / 2, kLeastGap_ns)),
        suspended_ns_(clock.suspended_ns()) {}

  // Called when the observer runs. `thorough`: it may have slept, so check for suspend too. True:
  // there was a gap.
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
    // CLOCK_MONOTONIC does not count a suspend, and agents cannot send during it.
    if (suspended_ns < least_gap_ns_) open_gap(now_ns, late_ns);
    jump_ = ClockJump{late_ns + suspended_ns};
    return true;
  }

  // look() will be called by then; kNever: no agent is alive.
  void expect(std::uint64_t by_ns) { expected_ns_ = by_ns; }

  // An agent sent at that instant.
  void note_sent(std::uint64_t sent_ns) {
    if (sent_ns <= last_sent_ns_ || sent_ns >= gap_end_ns_) return;
    longest_unsent_ns_ = std::max(longest_unsent_ns_, sent_ns - last_sent_ns_);
    last_sent_ns_ = sent_ns;
  }

  // All that was sent before that instant has been read. Once that is the gap's end, judges the
  // gap.
  void read_up_to(std::uint64_t horizon_ns) {
    if (gap_end_ns_ == 0 || horizon_ns < gap_end_ns_) return;
    longest_unsent_ns_ = std::max(longest_unsent_ns_, gap_end_ns_ - last_sent_ns_);
    if (longest_unsent_ns_ < least_gap_ns_) judge_from_ns_ = judge_from_before_gap_ns_;
    gap_end_ns_ = 0;
  }

  // The longest time that the observer may sleep while an agent is alive: a gap within a longer
  // sleep would not be noticed. Shorter during a grace, as only a sleep that ended in time counts
  // as running.
  [[nodiscard]] std::uint64_t longest_sleep_ns() const {
    return looked_ns_ < judge_from_ns_ ? least_gap_ns_ / 16 : least_gap_ns_ / 2;
  }

  // No silence may be judged before the sources have been read up to then.
  [[nodiscard]] std::uint64_t judge_from_ns() const { return judge_from_ns_; }

  // Returns the latest gap once.
  std::optional<ClockJump> take_jump() { return std::exchange(jump_, std::nullopt); }

 private:
  // A gap within the grace of the one before continues its series; otherwise a new series begins.
  void grant_grace(std::uint64_t now_ns, std::uint64_t late_ns) {
    judge_from_before_gap_ns_ = judge_from_ns_;
    const std::uint64_t began_ns = now_ns - late_ns;
    if (began_ns >= judge_from_ns_) ran_ns_ = 0;
    if (ran_ns_ >= threshold_ns_) return;
    judge_from_ns_ = now_ns > kNever - threshold_ns_ ? kNever : now_ns + threshold_ns_;
  }

  void open_gap(std::uint64_t now_ns, std::uint64_t late_ns) {
    gap_end_ns_ = now_ns;
    last_sent_ns_ = now_ns - late_ns;
    longest_unsent_ns_ = 0;
  }

  // A reading may be too small, and the next one then seems to have grown: keep the largest.
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
  std::uint64_t ran_ns_ = 0;  // since the latest series of gaps began
  std::optional<ClockJump> jump_;

  // The end of the latest gap, while what was sent before it may still come; 0: none.
  std::uint64_t gap_end_ns_ = 0;
  std::uint64_t last_sent_ns_ = 0;       // the latest send in the gap, or the gap's begin
  std::uint64_t longest_unsent_ns_ = 0;  // the longest interval between two sends
  std::uint64_t judge_from_before_gap_ns_ = 0;
};

}  // namespace hb
