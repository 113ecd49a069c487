// CountersMember: SIGUSR1: writes every counter that is not 0 to the log, in one line:
//
//   counters: receptions_total=12 beats_total=11 frames_dropped_total.ring_full=1
//
// Whatever --log-level is, but off. A member of the run loop: one thread.
#pragma once

#include <functional>
#include <utility>

#include "daemon/loop_member.hpp"
#include "report/totals.hpp"

namespace hb::daemon {

class CountersMember final : public LoopMember {
 public:
  // Appends every counter.
  using Count = std::function<void(Totals&)>;

  explicit CountersMember(Count count) : count_(std::move(count)) {}

  void handle(const Event&) override {}
  void tell_counters() override;

 private:
  const Count count_;
};

}  // namespace hb::daemon
