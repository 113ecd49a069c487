// ReachMember: checks that agents can reach the observer, every quarter of the shortest threshold,
// at most once a second, and before an agent is called silent.
//
// When they cannot, it says so in the log and in the stream at once, and tries to give the path to
// a new socket at each check. Until they can, no agent is called silent (Reach); then the observer
// is told for how long they could not. After Config::unreachable_ns in vain, the loop ends. Losses
// that follow each other too soon for a hung agent to be found in between are one.
//
// A member of the run loop: one thread. Borrows all that it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/metric.hpp"
#include "daemon/loop_member.hpp"
#include "intake/intake.hpp"
#include "observer/observer.hpp"
#include "observer/reach.hpp"
#include "report/reach_change.hpp"
#include "report/totals.hpp"

namespace hb::daemon {

class ReachMember final : public LoopMember, public Reach {
 public:
  struct Config {
    std::string path;                  // of the socket
    std::uint64_t unreachable_ns = 0;  // 0: it never ends the loop
    std::uint64_t threshold_ns = 0;    // the default: a path that is kept for two is regained
  };
  using Tell = std::function<void(const ReachChange&)>;

  ReachMember(intake::Intake& intake, Observer& observer, Config config, Tell tell)
      : intake_(intake), observer_(observer), config_(std::move(config)), tell_(std::move(tell)) {}

  // After Intake::bind(), and as the user who will run the loop: if this user may not look at the
  // path, that is logged, and it is taken to lead here.
  void begin(std::uint64_t now_ns);

  // The socket is withdrawn from now on: nothing is checked any more.
  void finish() { is_finished_ = true; }

  bool is_reachable(std::uint64_t now_ns) override;
  [[nodiscard]] bool is_lost() const override { return is_lost_; }
  // When it was last proven that they can, on CLOCK_MONOTONIC. 0: never, as this user cannot look.
  [[nodiscard]] std::uint64_t proven_ns() const { return proven_ns_; }

  void handle(const Event&) override {}
  void tick(std::uint64_t now_ns) override;
  [[nodiscard]] std::optional<ExitCode> ends_with() const override;
  [[nodiscard]] std::uint64_t wake_ns() const override { return checked_ns_ + period_ns(); }
  [[nodiscard]] Step step() const override { return Step::CheckingReach; }

  static constexpr Metric kUnreachable{"unreachable_total", "times",
                                       "times that agents could not reach the socket"};
  static constexpr Metric kRebound{"rebound_total", "times",
                                   "times that a new socket was given the path"};
  void append_totals(Totals& totals) const;

 private:
  [[nodiscard]] std::uint64_t period_ns() const;
  Result<> check(std::uint64_t now_ns);
  void end_if_over(std::uint64_t now_ns);
  void lose(const Error& why, std::uint64_t now_ns);
  void try_to_regain(std::uint64_t now_ns);
  void regain(bool rebound, std::uint64_t now_ns);
  void look_after_former(std::uint64_t now_ns);

  intake::Intake& intake_;
  Observer& observer_;
  const Config config_;
  const Tell tell_;
  bool may_look_ = true;
  bool is_finished_ = false;
  std::uint64_t checked_ns_ = 0;
  std::uint64_t reached_ns_ = 0;  // the last check that succeeded, or could not be made
  std::uint64_t proven_ns_ = 0;   // the last one that was made and succeeded
  bool is_lost_ = false;
  std::uint64_t regained_ns_ = 0;
  std::uint64_t first_lost_ns_ = 0;  // when the first of the present series of losses was noticed
  bool is_over_ = false;             // the series has lasted for Config::unreachable_ns
  std::string problem_;              // why it cannot be regained, as logged

  // The former socket, see Intake::rebind().
  std::uint64_t former_received_ = 0;
  std::uint64_t former_heard_ns_ = 0;

  std::uint64_t unreachable_ = 0;
  std::uint64_t rebound_ = 0;
};

}  // namespace hb::daemon
