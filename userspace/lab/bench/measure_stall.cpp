// The delay of a stall event: agents repeatedly beat once and then stay silent for longer than the
// threshold. Measured from the last send plus the threshold until the line has been read from the
// pipe.
#include <map>

#include "base/units.hpp"
#include "lab/bench/agents.hpp"
#include "lab/bench/measure.hpp"
#include "lab/bench/observer_process.hpp"
#include "lab/bench/station.hpp"
#include "lab/bench/time.hpp"

namespace hb::bench {
namespace {

constexpr std::uint64_t kThreshold_ms = 150;

Pace pace() {
  Pace pace;
  pace.agents = 20;
  pace.interval_ns = (kThreshold_ms + 50) * kNsPerMs;
  pace.jitter_ns = 100 * kNsPerMs;
  return pace;
}

std::map<std::uint32_t, std::size_t> agents_by_pid(const Agents& agents) {
  std::map<std::uint32_t, std::size_t> numbers;
  for (std::size_t i = 0; i < pace().agents; ++i) numbers[agents.board().agents[i].pid] = i;
  return numbers;
}

Result<> watch(const Lab& lab, Way way, Findings& findings) {
  const std::string socket = lab.socket(std::string("stall-") + name(way));
  auto observer = ObserverProcess::start(
      lab, way, socket,
      {"--events", "json", "--beats", "none", "--threshold-ms", std::to_string(kThreshold_ms)});
  if (!observer) return observer.error();
  auto agents = Agents::start(lab, pace(), {socket});
  if (!agents) return agents.error();
  const auto numbers = agents_by_pid(agents.value());
  const auto take = [&](const ObserverProcess::Said& said) {
    const auto number = numbers.find(said.pid);
    if (said.event != "stall" || number == numbers.end()) return;
    const std::uint64_t due_ns =
        agents.value().board().sent_at(number->second, said.nonce) + kThreshold_ms * kNsPerMs;
    findings.add_tail(std::string("stall/") + name(way), "ms",
                      (static_cast<double>(said.read_ns) - static_cast<double>(due_ns)) / kNsPerMs);
  };
  agents.value().beat_to(0);
  const std::uint64_t window_ns = lab.effort.pick(5'000, 600) * kNsPerMs;
  return observer.value().read_until(now_ns() + window_ns, take);
}

}  // namespace

Result<> measure_stall(const Lab& lab, Findings& findings) {
  for (const Way way : {Way::KernelSocket, Way::KernelRing}) {
    if (auto done = watch(lab, way, findings); !done) return done;
  }
  return ok();
}

}  // namespace hb::bench
