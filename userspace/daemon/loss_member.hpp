// LossMember: reports losses while they happen: in the log, in the stream, and in the export file.
//
// Reads the counters twice a second, also while idle, since a drop in the kernel does not wake the
// observer. (Reading them at each of ten wake-ups a second cost a quarter of an idle observer's
// time.)
//
// A member of the run loop: one thread. `count` appends every counter; `tell` gets the notices for
// the stream. Both are called from tick() and finish() only.
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

  // Reports what was not reported yet.
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
