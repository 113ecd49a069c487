// From the exit of an agent to its event: agents are killed at random times; measured from just
// before kill(2) until the event's line has been read from the pipe.
#include <signal.h>

#include <map>
#include <random>

#include "base/units.hpp"
#include "lab/bench/agents.hpp"
#include "lab/bench/measure.hpp"
#include "lab/bench/observer_process.hpp"
#include "lab/bench/station.hpp"
#include "lab/bench/time.hpp"

namespace hb::bench {
namespace {

constexpr std::uint64_t kKnown_ns = 300 * kNsPerMs;  // until every agent has beaten
constexpr std::uint64_t kLast_ns = kNsPerSecond;     // for the last exit to be reported
constexpr std::uint64_t kShortestPause_ns = 2 * kNsPerMs;
constexpr std::uint64_t kLongestPause_ns = 30 * kNsPerMs;

Pace pace(const Lab& lab) {
  Pace pace;
  pace.agents = lab.effort.pick(150, 10);
  pace.interval_ns = 100 * kNsPerMs;
  return pace;
}

class Deaths {
 public:
  Deaths(Agents& agents, std::string row, Findings& findings)
      : agents_(agents), row_(std::move(row)), findings_(findings) {}

  void kill(std::size_t agent) {
    const std::uint32_t pid = agents_.board().agents[agent].pid;
    killed_ns_[pid] = now_ns();
    ::kill(static_cast<pid_t>(pid), SIGKILL);
  }

  void hear(const ObserverProcess::Said& said) {
    if (said.event != "stall" || said.cause != "exited") return;
    const auto death = killed_ns_.find(said.pid);
    if (death == killed_ns_.end()) return;
    findings_.add_tail(row_, "ms", static_cast<double>(said.read_ns - death->second) / kNsPerMs);
    killed_ns_.erase(death);
  }

  [[nodiscard]] std::size_t untold() const { return killed_ns_.size(); }

 private:
  Agents& agents_;
  const std::string row_;
  Findings& findings_;
  std::map<std::uint32_t, std::uint64_t> killed_ns_;
};

Result<> kill_all(const Lab& lab, Way way, Findings& findings) {
  const std::string row = std::string("exit/") + name(way);
  const std::string socket = lab.socket(std::string("exit-") + name(way));
  auto observer = ObserverProcess::start(lab, way, socket, quiet());
  if (!observer) return observer.error();
  auto agents = Agents::start(lab, pace(lab), {socket});
  if (!agents) return agents.error();
  Deaths deaths(agents.value(), row, findings);
  const auto hear = [&](const ObserverProcess::Said& said) { deaths.hear(said); };
  agents.value().beat_to(0);
  if (auto rested = lab.rest(kKnown_ns); !rested) return rested;

  std::minstd_rand chance;
  std::uniform_int_distribution<std::uint64_t> pause_ns(kShortestPause_ns, kLongestPause_ns);
  const std::size_t count = pace(lab).agents;
  for (std::size_t agent = 0; agent < count; ++agent) {
    deaths.kill(agent);
    if (auto read = observer.value().read_until(now_ns() + pause_ns(chance), hear); !read) {
      return read;
    }
  }
  for (const std::uint64_t deadline_ns = now_ns() + kLast_ns;
       deaths.untold() > 0 && now_ns() < deadline_ns;) {
    const std::uint64_t soon_ns = now_ns() + kShortestPause_ns;
    if (auto read = observer.value().read_until(soon_ns, hear); !read) return read;
  }
  if (deaths.untold() == count) {
    findings.missing(row, "exits are not traced on this kernel");
  } else if (deaths.untold() > 0) {
    return Error{std::to_string(deaths.untold()) + " of " + std::to_string(count) +
                 " exits were not reported"};
  }
  return ok();
}

}  // namespace

Result<> measure_exit(const Lab& lab, Findings& findings) {
  for (const Way way : {Way::KernelSocket, Way::KernelRing}) {
    if (auto done = kill_all(lab, way, findings); !done) return done;
  }
  return ok();
}

}  // namespace hb::bench
