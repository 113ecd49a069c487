// Two processes send as fast as they can to an observer with default flags, while honest agents
// beat ten times a second: how many honest beats are lost, what the flood costs the observer, and
// how long it takes to end on a signal.
#include "base/units.hpp"
#include "lab/bench/agents.hpp"
#include "lab/bench/measure.hpp"
#include "lab/bench/measure_floods.hpp"
#include "lab/bench/observer_process.hpp"
#include "lab/bench/pump.hpp"
#include "lab/bench/station.hpp"
#include "lab/bench/time.hpp"

namespace hb::bench {
namespace {

constexpr std::size_t kFlooders = 2;
constexpr std::uint32_t kFlood = 1'000'000;               // the payload of the flood
constexpr std::uint64_t kTail_ns = 200 * kNsPerMs;        // for the last honest beats
constexpr std::uint64_t kFloodsOn_ns = 2 * kNsPerSecond;  // longer than the signal takes

Pace honest() {
  Pace pace;
  pace.agents = 20;
  pace.interval_ns = 100 * kNsPerMs;
  pace.alternates = true;
  return pace;
}

Result<std::vector<Pump>> start_flood(const Lab& lab, const std::string& socket,
                                      std::uint64_t duration_ns) {
  std::vector<Pump> flooders;
  for (std::size_t i = 0; i < kFlooders; ++i) {
    auto pump = Pump::start(lab, socket);
    if (!pump) return pump.error();
    flooders.push_back(std::move(pump).value());
  }
  Stream stream;
  stream.duration_ns = duration_ns;
  stream.waits = false;
  stream.payload = kFlood;
  for (Pump& pump : flooders) pump.send(stream);
  return flooders;
}

// Counts honest beats on the event stream until the deadline.
Result<std::uint64_t> count_honest(ObserverProcess& observer, std::uint64_t deadline_ns) {
  std::uint64_t count = 0;
  const auto done = observer.read_until(deadline_ns, [&](const ObserverProcess::Said& said) {
    if (said.event == "beat" && said.payload != kFlood) ++count;
  });
  if (!done) return done.error();
  return count;
}

struct Window {
  std::uint64_t seen = 0;  // honest beats
  double cpu_percent = 0;
};

Result<Window> watch(ObserverProcess& observer, Agents& agents, std::uint64_t window_ns) {
  const auto before = observer.cpu_ns();
  if (!before) return before.error();
  agents.beat_to(0);
  const auto seen = count_honest(observer, now_ns() + window_ns);
  if (!seen) return seen.error();
  const auto after = observer.cpu_ns();
  if (!after) return after.error();
  agents.be_silent();
  const auto rest = count_honest(observer, now_ns() + kTail_ns);
  if (!rest) return rest.error();
  return Window{
      seen.value() + rest.value(),
      100 * static_cast<double>(after.value() - before.value()) / static_cast<double>(window_ns)};
}

Result<> flood(const Lab& lab, Way way, Findings& findings) {
  const std::string row = std::string("overload/") + name(way);
  const std::string socket = lab.socket(std::string("overload-") + name(way));
  const std::uint64_t window_ns = lab.effort.pick(2'000, 300) * kNsPerMs;
  auto observer = ObserverProcess::start(
      lab, way, socket, {"--events", "json", "--beats", "changes", "--threshold-ms", "86400000"});
  if (!observer) return observer.error();
  auto agents = Agents::start(lab, honest(), {socket});
  if (!agents) return agents.error();
  auto flooders = start_flood(lab, socket, window_ns + kTail_ns + kFloodsOn_ns);
  if (!flooders) return flooders.error();
  const auto window = watch(observer.value(), agents.value(), window_ns);
  if (!window) return window.error();
  const auto end = observer.value().end();
  if (!end) return end.error();

  double offered = 0;
  for (Pump& pump : flooders.value()) {
    const auto sent = pump.finish();
    if (!sent) return sent.error();
    offered += static_cast<double>(sent.value().tried) * kNsPerSecond /
               static_cast<double>(sent.value().took_ns);
  }
  const auto honest = static_cast<double>(agents.value().sent(0) + agents.value().refused(0));
  const double lost = honest - static_cast<double>(window.value().seen);
  findings.add(row + "/offered", "sends/s", offered);
  findings.add(row + "/honest-lost", "%", honest > 0 ? 100 * lost / honest : 0);
  findings.add(row + "/cpu", "% of a CPU", window.value().cpu_percent);
  findings.add(row + "/signal", "ms", static_cast<double>(end.value().took_ns) / kNsPerMs);
  findings.note(row + "/honest-lost",
                std::to_string(agents.value().refused(0)) + " of them met a full queue");
  return ok();
}

}  // namespace

Result<> measure_overload(const Lab& lab, Findings& findings) {
  const std::uint64_t rounds = lab.effort.pick(3, 1);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (const Way way : {Way::KernelSocket, Way::KernelRing}) {
      if (auto done = flood(lab, way, findings); !done) return done;
      if (lab.is_stopped()) return ok();
    }
  }
  return measure_floods(lab, findings);
}

}  // namespace hb::bench
