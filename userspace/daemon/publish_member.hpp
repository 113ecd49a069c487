// PublishMember: what the publisher process publishes, from the loop's side: counts by service,
// keeps the histograms, and writes the board.
//
// The instants of the observer's health are written at every turn. All else is written twice a
// second at most, and only while somebody has asked lately. The agents are looked at in small steps
// (a census), so that a loop with a million of them goes on.
//
// A member of the run loop: one thread. Borrows all that it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/metric.hpp"
#include "base/zeroed_pages.hpp"
#include "daemon/loop_member.hpp"
#include "daemon/reach_member.hpp"
#include "daemon/recovery_member.hpp"
#include "observer/observer.hpp"
#include "publish/publisher.hpp"
#include "publish/service_counts.hpp"
#include "publish/totals_layout.hpp"
#include "report/totals.hpp"

namespace hb::daemon {

class PublishMember final : public LoopMember {
 public:
  using Count = std::function<void(Totals&)>;

  struct Sources {
    const Observer& observer;
    const ReachMember& reach;
    RecoveryMember* recovery;  // nullptr: there is none
    Count count;               // appends every counter
  };

  PublishMember(Publisher& publisher, Sources sources, const std::string& run);

  void handle(const Event& event) override;
  void tick(std::uint64_t now_ns) override;
  [[nodiscard]] int fd() const override { return publisher_.fd(); }
  [[nodiscard]] std::uint64_t wake_ns() const override { return is_counting_ ? 0 : Source::kNever; }

  static constexpr Metric kLost{"publisher_lost_total", "times",
                                "times that the process ended that serves metrics and status"};
  [[nodiscard]] std::uint64_t lost() const { return has_told_loss_ ? 1 : 0; }

 private:
  static constexpr std::size_t kSlotsPerStep = 1024;

  struct Candidate {
    AgentRow row;
    std::uint32_t kernel_slot;
    std::uint64_t generation_ns;
  };

  void look(std::uint64_t now_ns);
  void begin_census(std::uint64_t now_ns);
  void count_some(std::uint64_t now_ns);
  void see(const Tracker::Stalled& agent, std::uint64_t threshold_ns, bool is_silent);
  void show(const Candidate& candidate);
  void write_figures(std::uint64_t now_ns);
  void write_states();
  void write_agents(std::uint64_t now_ns);
  void hear(const Beat& beat);
  void hear(const Stall& stall);

  Publisher& publisher_;
  Board& board_;
  const Sources sources_;
  bool has_told_loss_ = false;
  ServiceCounts services_;
  TotalsLayout layout_;
  Totals totals_;
  const ZeroedPages memory_;  // of the two, untouched while nobody asks
  Figures* const figures_;
  const ZeroedPages row_memory_;
  AgentRows* const rows_;

  std::uint64_t next_look_ns_ = 0;
  std::uint64_t next_figures_ns_ = 0;
  std::uint64_t next_census_ns_ = 0;
  // The census that is under way.
  bool is_counting_ = false;
  bool wants_agents_ = false;
  std::uint64_t census_began_ns_ = 0;
  std::uint32_t next_slot_ = 0;
  std::vector<Candidate> shown_;  // a heap, with the one that beat last on top
};

}  // namespace hb::daemon
