// ClockWatch: detects that the observer itself did not run: it was stopped by a signal, its virtual
// machine paused, or the machine suspended. What follows from it is in Grace.
//
// The observer says when it will run again (expect()). If it is late by half a threshold, or the
// machine was suspended for so long, that is a gap. The threshold is the shortest of all agents,
// because a gap that is too short for an agent with a long threshold can still be all of a short
// one; which gap counts for which threshold is decided in Grace.
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

#include "observer/clock.hpp"
#include "observer/grace.hpp"

namespace hb {

struct ClockJump {
  std::uint64_t gap_ns;  // how long the observer did not run, without its intended sleep
};

class ClockWatch {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  ClockWatch(const Clock& clock, std::uint64_t threshold_ns)
      : clock_(clock),
        least_gap_ns_(Grace::least_gap_ns(threshold_ns)),
        suspended_ns_(clock.suspended_ns()) {}

  // The shortest threshold of all agents.
  void set_threshold(std::uint64_t threshold_ns) {
    least_gap_ns_ = Grace::least_gap_ns(threshold_ns);
  }

  // Called when the observer runs. `thorough`: it may have slept, so check for suspend too. Returns
  // the gap, if there was one.
  std::optional<Gap> look(std::uint64_t now_ns, bool thorough) {
    const std::uint64_t suspended_ns = thorough ? newly_suspended_ns() : 0;
    const std::uint64_t slept_ns = now_ns - std::exchange(looked_ns_, now_ns);
    if (expected_ns_ == kNever) return std::nullopt;
    const std::uint64_t late_ns = now_ns > expected_ns_ ? now_ns - expected_ns_ : 0;
    const Gap gap{.began_ns = now_ns - late_ns,
                  .ended_ns = now_ns,
                  .length_ns = late_ns + suspended_ns,
                  .ran_ns = ran_ns_};
    if (gap.length_ns < least_gap_ns_) {
      ran_ns_ += slept_ns;
      return std::nullopt;
    }
    // CLOCK_MONOTONIC does not count a suspend, and agents cannot send during it.
    suspended_ns < least_gap_ns_ ? open(gap) : close();
    jump_ = ClockJump{gap.length_ns};
    return gap;
  }

  // Before look(): a predecessor looked last at that instant. Until now nobody ran.
  void go_on_from(std::uint64_t looked_ns) { looked_ns_ = expected_ns_ = looked_ns; }

  // Agents can reach the observer now.
  void note_reached() { reached_ran_ns_ = ran_ns_; }

  // A gap of another kind: the observer ran, but nobody could reach it. It counts for every
  // threshold, and what came since note_reached() not as time in which it ran.
  Gap unreachable(std::uint64_t began_ns, std::uint64_t ended_ns) {
    ran_ns_ = std::min(ran_ns_, reached_ran_ns_);
    return {.began_ns = began_ns, .ended_ns = ended_ns, .length_ns = kNever, .ran_ns = ran_ns_};
  }

  // look() will be called by then; kNever: no agent is alive.
  void expect(std::uint64_t by_ns) { expected_ns_ = by_ns; }

  // An agent sent at that instant.
  void note_sent(std::uint64_t sent_ns) {
    if (sent_ns <= last_sent_ns_ || sent_ns >= gap_end_ns_) return;
    longest_unsent_ns_ = std::max(longest_unsent_ns_, sent_ns - last_sent_ns_);
    last_sent_ns_ = sent_ns;
  }

  // What was sent in the latest gap has not all been read yet.
  [[nodiscard]] bool is_gap_open() const { return gap_end_ns_ != 0; }

  // All that was sent before that instant has been read. Once that is the end of the latest gap,
  // returns the longest interval in it in which no agent sent.
  std::optional<std::uint64_t> read_up_to(std::uint64_t horizon_ns) {
    if (gap_end_ns_ == 0 || horizon_ns < gap_end_ns_) return std::nullopt;
    const std::uint64_t gap_end_ns = std::exchange(gap_end_ns_, 0);
    return std::max(longest_unsent_ns_, gap_end_ns - last_sent_ns_);
  }

  // The longest time that the observer may sleep while an agent is alive: a gap within a longer
  // sleep would not be noticed. Shorter until the last grace has ended, as only a sleep that ended
  // in time counts as running.
  [[nodiscard]] std::uint64_t longest_sleep_ns(std::uint64_t grace_end_ns) const {
    return looked_ns_ < grace_end_ns ? least_gap_ns_ / 16 : least_gap_ns_ / 2;
  }

  // Returns the latest gap once.
  std::optional<ClockJump> take_jump() { return std::exchange(jump_, std::nullopt); }

 private:
  void open(const Gap& gap) {
    gap_end_ns_ = gap.ended_ns;
    last_sent_ns_ = gap.began_ns;
    longest_unsent_ns_ = 0;
  }
  void close() { gap_end_ns_ = 0; }

  // A reading may be too small, and the next one then seems to have grown: keep the largest.
  std::uint64_t newly_suspended_ns() {
    const std::uint64_t before = suspended_ns_;
    suspended_ns_ = std::max(before, clock_.suspended_ns());
    return suspended_ns_ - before;
  }

  const Clock& clock_;
  std::uint64_t least_gap_ns_;
  std::uint64_t suspended_ns_;
  std::uint64_t looked_ns_ = 0;
  std::uint64_t expected_ns_ = kNever;
  std::uint64_t ran_ns_ = 0;          // in all, gaps excluded
  std::uint64_t reached_ran_ns_ = 0;  // of that, until agents were last known to reach it
  std::optional<ClockJump> jump_;

  // The end of the open gap: what was sent before it may still come. 0: none is open.
  std::uint64_t gap_end_ns_ = 0;
  std::uint64_t last_sent_ns_ = 0;       // the latest send in the gap, or the gap's begin
  std::uint64_t longest_unsent_ns_ = 0;  // the longest interval between two sends
};

}  // namespace hb
