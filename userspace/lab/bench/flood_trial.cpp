#include "lab/bench/flood_trial.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/units.hpp"
#include "lab/bench/time.hpp"

namespace hb::bench {
namespace {

using Said = ObserverProcess::Said;

constexpr std::uint64_t kStep_ns = 50 * kNsPerMs;
constexpr std::uint64_t kBeforeHang_ns = 300 * kNsPerMs;  // of flood
constexpr std::uint64_t kKnown = 2;  // beats after which recovery has a pidfd of the agent
constexpr std::uint64_t kRest_ns = 10 * kNsPerSecond;
constexpr std::uint64_t kPatience_ns = std::uint64_t{Lab::kPatience_ms} * kNsPerMs;

// Evaluates the events of the agents. The last agent is the one that hangs.
class Judge {
 public:
  explicit Judge(const HonestAgents& agents)
      : agents_(agents), accepted_(agents.size()), marks_(agents.size()), ended_(agents.size()) {}

  void hear(const Said& said) {
    if (said.event == "auth_failure" && agents_.find(said.attested_pid)) ++refused_;
    const auto agent = agents_.find(said.pid);
    if (!agent) return;
    if (said.event == "beat") hear_beat(*agent, said);
    if (said.event == "stall" && said.cause == "silence") hear_silence(*agent, said);
    if (said.event == "stall" && said.cause == "exited") ended_[*agent] = true;
  }

  void hung(std::uint64_t last_tried_ns) { hung_ns_ = last_tried_ns; }

  // Or its exit was reported: it was wrongly killed.
  [[nodiscard]] bool knows_all() const {
    for (std::size_t i = 0; i < accepted_.size(); ++i) {
      if (accepted_[i] < kKnown && !ended_[i]) return false;
    }
    return true;
  }
  void mark_now() {
    for (std::size_t i = 0; i < agents_.size(); ++i) marks_[i] = agents_.tried(i);
    has_heard_since_ = false;
  }
  [[nodiscard]] bool has_heard_since() const { return has_heard_since_; }
  [[nodiscard]] bool has_seen_all_end() const {
    return std::find(ended_.begin(), ended_.end(), false) == ended_.end();
  }

  [[nodiscard]] bool has_found() const { return found_ns_.has_value(); }

  void tell(FloodOutcome& outcome) const {
    for (std::size_t i = 0; i + 1 < accepted_.size(); ++i) outcome.accepted += accepted_[i];
    outcome.refused = refused_;
    outcome.false_stalls = false_stalls_;
    outcome.found_ns = found_ns_;
  }

 private:
  // observer_ns counts from the observer's start, and no beat is accepted before it was sent. So
  // the start is estimated by the greatest difference of the two.
  void hear_beat(std::size_t agent, const Said& said) {
    ++accepted_[agent];
    if (said.nonce > marks_[agent]) has_heard_since_ = true;
    const std::uint64_t tried_ns = agents_.tried_at(agent, said.nonce);
    if (tried_ns > said.observer_ns) start_ns_ = std::max(start_ns_, tried_ns - said.observer_ns);
  }

  void hear_silence(std::size_t agent, const Said& said) {
    if (agent + 1 != agents_.size() || !hung_ns_) {
      ++false_stalls_;
    } else if (!found_ns_) {
      const std::uint64_t at_ns = start_ns_ + said.observer_ns;
      found_ns_ = at_ns > *hung_ns_ ? at_ns - *hung_ns_ : 0;
    }
  }

  const HonestAgents& agents_;
  std::vector<std::uint64_t> accepted_;
  std::vector<std::uint64_t> marks_;  // nonces
  bool has_heard_since_ = false;
  std::vector<bool> ended_;
  std::uint64_t start_ns_ = 0;  // of the observer, by CLOCK_MONOTONIC
  std::uint64_t refused_ = 0;
  std::uint64_t false_stalls_ = 0;
  std::optional<std::uint64_t> hung_ns_;
  std::optional<std::uint64_t> found_ns_;
};

std::vector<std::string> flags_of(const FloodTrial& trial) {
  return {"--socket-mode",
          "0666",
          "--events",
          "json",
          "--beats",
          "all",
          "--threshold-ms",
          std::to_string(trial.threshold_ms),
          "--recovery-signal",
          "KILL",
          "--recovery-startup-grace-ms",
          "0"};
}

Flood flood_of(const FloodTrial& trial, const HonestAgents& agents) {
  Flood flood = trial.flood;
  flood.victim = agents.pid(0);
  const std::uint64_t found_at_latest_ns =
      kBeforeHang_ns + FloodOutcome::kLatest * trial.threshold_ms * kNsPerMs;
  flood.longest_ns = std::max(trial.duration_ns, found_at_latest_ns) + kPatience_ns;
  return flood;
}

// Reads the stream while `goes_on` says so, until the deadline at most.
template <typename GoesOn>
Result<> listen(ObserverProcess& observer, Judge& judge, std::uint64_t deadline_ns,
                GoesOn goes_on) {
  while (goes_on() && now_ns() < deadline_ns) {
    const std::uint64_t soon_ns = std::min(deadline_ns, now_ns() + kStep_ns);
    const auto read = observer.read_until(soon_ns, [&](const Said& said) { judge.hear(said); });
    if (!read) return read;
  }
  return ok();
}

Result<> listen(ObserverProcess& observer, Judge& judge, std::uint64_t deadline_ns) {
  return listen(observer, judge, deadline_ns, [] { return true; });
}

// From the first beats to the flood's end.
Result<> endure(const FloodTrial& trial, ObserverProcess& observer, const HonestAgents& agents,
                Judge& judge, Flooder& flooder) {
  const std::uint64_t began_ns = now_ns();
  if (auto read = listen(observer, judge, began_ns + kBeforeHang_ns); !read) return read;
  const std::size_t hung = agents.size() - 1;
  // It may have been killed wrongly before.
  if (agents.hang(hung)) judge.hung(agents.last_tried_at(hung));
  const std::uint64_t latest_ns = now_ns() + FloodOutcome::kLatest * trial.threshold_ms * kNsPerMs;
  const auto searching = [&] { return !judge.has_found(); };
  if (auto read = listen(observer, judge, latest_ns, searching); !read) return read;
  if (auto read = listen(observer, judge, began_ns + trial.duration_ns); !read) return read;
  return flooder.stop();
}

// Until a beat of each agent that was sent after the flood is reported; all earlier ones are judged
// then. Bounded, since a killed agent sends none.
Result<> come_to_rest(ObserverProcess& observer, Judge& judge) {
  judge.mark_now();
  const auto waits = [&] { return !judge.has_heard_since(); };
  return listen(observer, judge, now_ns() + kRest_ns, waits);
}

// Until all exits are reported, each of which follows the agent's last beat.
Result<> see_them_end(ObserverProcess& observer, Judge& judge) {
  const auto waits = [&] { return !judge.has_seen_all_end(); };
  return listen(observer, judge, now_ns() + kRest_ns, waits);
}

void count(HonestAgents& agents, FloodOutcome& outcome) {
  const std::size_t hung = agents.size() - 1;
  agents.resume(hung);
  const auto ends = agents.end();
  for (std::size_t i = 0; i < hung; ++i) {
    outcome.tried += agents.tried(i);
    outcome.full += agents.full(i);
    if (ends[i] == HonestAgents::End::Killed) ++outcome.killed;
    if (ends[i] == HonestAgents::End::Stuck) ++outcome.stuck;
  }
  outcome.hung_is_killed = ends[hung] == HonestAgents::End::Killed;
}

// Raises the priority of this process, which must read all events during the flood. Its children do
// not inherit it (SCHED_RESET_ON_FORK). Not an error without the privilege.
class RaisedPriority {
 public:
  RaisedPriority() : before_(::getpriority(PRIO_PROCESS, 0)) {
    const sched_param none{};
    if (::sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) == 0) {
      ::setpriority(PRIO_PROCESS, 0, kHighest);
    }
  }
  RaisedPriority(const RaisedPriority&) = delete;
  RaisedPriority& operator=(const RaisedPriority&) = delete;
  ~RaisedPriority() {
    const sched_param none{};
    ::setpriority(PRIO_PROCESS, 0, before_);
    ::sched_setscheduler(0, SCHED_OTHER, &none);
  }

 private:
  static constexpr int kHighest = -20;

  const int before_;
};

}  // namespace

Result<FloodOutcome> hold(const Lab& lab, const FloodTrial& trial) {
  const RaisedPriority raised;
  const std::string socket =
      lab.socket(std::string(name(trial.flood.kind)) + "-" + name(trial.way));
  auto observer = ObserverProcess::start(lab, trial.way, socket, flags_of(trial));
  if (!observer) return observer.error();
  auto agents = HonestAgents::start(lab, socket, trial.manners);
  if (!agents) return agents.error();
  Judge judge(agents.value());
  const auto unknown = [&] { return !judge.knows_all(); };
  if (auto read = listen(observer.value(), judge, now_ns() + kPatience_ns, unknown); !read) {
    return read.error();
  }
  if (!judge.knows_all())
    return Error{"beats of honest agents do not arrive, even before the flood"};

  auto flooder = Flooder::start(socket, flood_of(trial, agents.value()));
  if (!flooder) return flooder.error();
  if (auto done = endure(trial, observer.value(), agents.value(), judge, flooder.value()); !done) {
    return done.error();
  }
  if (auto done = come_to_rest(observer.value(), judge); !done) return done.error();
  FloodOutcome outcome;
  outcome.flood = flooder.value().total();
  count(agents.value(), outcome);
  if (auto done = see_them_end(observer.value(), judge); !done) {
    return done.error();
  }
  auto end = observer.value().end([&](const Said& said) { judge.hear(said); });
  if (!end) return end.error();
  outcome.counters = std::move(end).value().counters;
  judge.tell(outcome);
  return outcome;
}

}  // namespace hb::bench
