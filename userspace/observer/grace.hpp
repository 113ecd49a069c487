// Grace: after a time in which the observer itself did not run, no silence is judged for one more
// threshold. Its agents may not have run either, so their silence in that time proves nothing.
//
// There is one for each threshold, since it lasts as long as the threshold and not every gap counts
// for every threshold. It is one instant for all agents with the threshold, so its cost does not
// grow with their number. It ends early where it is not needed, and it is bounded:
//
//   - If agents kept sending during the gap, at intervals below half a threshold, then only the
//     observer did not run, and the silence of other agents is real.
//   - If a gap follows within the grace of another, grace ends when the observer has run for one
//     threshold in total since the first of them. So a silence is always reported in the end.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/saturating.hpp"
#include "base/units.hpp"

namespace hb {

// A time in which the observer did not run (ClockWatch).
struct Gap {
  std::uint64_t began_ns = 0;
  std::uint64_t ended_ns = 0;   // 0: there was no gap
  std::uint64_t length_ns = 0;  // with what CLOCK_MONOTONIC does not count: the machine's suspend
  std::uint64_t ran_ns = 0;     // how long the observer had run in all, gaps excluded
};

class Grace {
 public:
  // Being late by less than this is normal on a busy machine.
  static constexpr std::uint64_t kLeastGap_ns = 100 * kNsPerMs;

  // A shorter time is no gap for an agent with this threshold.
  [[nodiscard]] static constexpr std::uint64_t least_gap_ns(std::uint64_t threshold_ns) {
    return std::max(threshold_ns / 2, kLeastGap_ns);
  }

  Grace() = default;
  // Of a threshold that comes into use after that gap.
  Grace(std::uint64_t threshold_ns, const Gap& last) : threshold_ns_(threshold_ns) {
    if (last.ended_ns != 0) extend(last);
  }

  void begin(const Gap& gap) {
    judge_from_before_gap_ns_ = judge_from_ns_;
    if (gap.length_ns >= least_gap_ns(threshold_ns_)) extend(gap);
  }

  // In the latest gap agents sent at intervals of at most so long.
  void agents_sent_every(std::uint64_t interval_ns) {
    if (interval_ns < least_gap_ns(threshold_ns_)) judge_from_ns_ = judge_from_before_gap_ns_;
  }

  // No silence may be judged before the sources have been read up to then.
  [[nodiscard]] std::uint64_t judge_from_ns() const { return judge_from_ns_; }

 private:
  // A gap within the grace of the one before continues its series; otherwise a new series begins.
  void extend(const Gap& gap) {
    if (gap.began_ns >= judge_from_ns_) ran_before_ns_ = gap.ran_ns;
    // It may be less than before: time in which nobody could reach the observer does not count.
    const std::uint64_t ran_ns = gap.ran_ns > ran_before_ns_ ? gap.ran_ns - ran_before_ns_ : 0;
    if (ran_ns >= threshold_ns_) return;
    judge_from_ns_ = saturating_add(gap.ended_ns, threshold_ns_);
  }

  std::uint64_t threshold_ns_ = 0;
  std::uint64_t judge_from_ns_ = 0;
  std::uint64_t judge_from_before_gap_ns_ = 0;
  std::uint64_t ran_before_ns_ = 0;  // until the latest series of gaps began
};

}  // namespace hb
