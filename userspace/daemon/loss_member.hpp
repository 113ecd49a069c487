// LossMember: says what is being lost while it is being lost: in the log, in the stream, and in the
// export file.
//
// Looks at the counters twice a second, also while nothing happens: what the kernel drops wakes
// nobody. (Looking at each of ten wakes a second cost a quarter of an idle observer's time.) A
// frame costs nothing.
//
// A member of the run loop: one thread. `count` appends every counter of the run; `tell` gets what
// is for the stream. Both are called from tick() and finish() alone.
#pragma once

#include <cstdint>
#include <functional>

#include "base/units.hpp"
#include "daemon/loop_member.hpp"
#include "report/loss_report.hpp"

namespace hb::daemon {

class LossMember final : public LoopMember {
 public:
  using Count = std::function<void(Totals&)>;
  using Tell = std::function<void(const Loss&)>;

  LossMember(std::uint64_t start_ns, Count count, Tell tell)
      : count_(std::move(count)), tell_(std::move(tell)), report_(start_ns), looked_ns_(start_ns) {}

  void handle(const Event&) override {}
  void tick(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t wake_ns() const override { return looked_ns_ + kPause_ns; }

  // What was not told yet.
  void finish(std::uint64_t now_ns);

 private:
  static constexpr std::uint64_t kPause_ns = 500 * kNsPerMs;

  const Totals& totals();
  void say(const Loss& loss) const;

  const Count count_;
  const Tell tell_;
  LossReport report_;
  std::uint64_t looked_ns_;
  Totals totals_;  // of the last look
};

}  // namespace hb::daemon
