// LossMember: reports losses while they happen: in the log, in the stream, and in the export file.
//
// Reads the counters twice a second, also while idle, since a drop in the kernel does not wake the
// observer. (Reading them at each of ten wake-ups a second cost a quarter of an idle observer's
// time.)
//
// A notice that the stream has no room for is told again, with what was lost since, until it has:
// the stream is full of events in just those moments in which something is lost.
//
// A member of the run loop: one thread. `count` appends every counter; `tell` writes a notice to
// the stream, and is false where it could not; `note` writes it to the export file. All are called
// from tick() and finish() only.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/units.hpp"
#include "daemon/loop_member.hpp"
#include "report/loss_report.hpp"

namespace hb::daemon {

class LossMember final : public LoopMember {
 public:
  using Count = std::function<void(Totals&)>;
  using Tell = std::function<bool(const Loss&)>;
  using Note = std::function<void(const Loss&)>;

  // `kept`: see LossReport.
  LossMember(std::uint64_t start_ns, Count count, Tell tell, Note note,
             LossReport::Kept* kept = nullptr)
      : count_(std::move(count)),
        tell_(std::move(tell)),
        note_(std::move(note)),
        report_(start_ns, kept),
        looked_ns_(start_ns) {}

  void handle(const Event&) override {}
  void tick(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t wake_ns() const override { return looked_ns_ + kPause_ns; }

  // Reports what was not reported yet.
  void finish(std::uint64_t now_ns);

 private:
  static constexpr std::uint64_t kPause_ns = 500 * kNsPerMs;
  // So much earlier a turn that the loop takes anyway is used, so that none is taken for it alone.
  static constexpr std::uint64_t kEarly_ns = kPause_ns / 4;

  const Totals& totals();
  void say(const Loss& loss);
  void tell_stream(Loss loss);
  void tell_stream_again();

  const Count count_;
  const Tell tell_;
  const Note note_;
  LossReport report_;
  std::uint64_t looked_ns_;
  Totals totals_;             // of the last look
  std::vector<Loss> untold_;  // that the stream had no room for; one for each reason
};

}  // namespace hb::daemon
