// What the real observer costs while nothing is wrong: CPU time and memory with 50 and with 1,000
// agents that beat once a second. All of them share one window of time; an observer spends most of
// it asleep, so they hardly meet.
#include <list>

#include "bench/account.hpp"
#include "bench/measure.hpp"
#include "bench/station.hpp"
#include "bench/time.hpp"
#include "procfs/resident.hpp"

namespace hb::bench {
namespace {

constexpr double kBytesPerMib = 1'048'576;

struct Crowd {
  std::string row;
  ObserverProcess observer;
  Agents agents;
  std::uint64_t cpu_ns = 0;  // when the window began
};

Result<Crowd> gather(const Lab& lab, Way way, std::size_t count) {
  const std::string which = std::to_string(count) + "/" + name(way);
  const std::string socket = lab.socket("idle-" + std::to_string(count) + "-" + name(way));
  auto observer = ObserverProcess::start(lab, way, socket, quiet());
  if (!observer) return observer.error();
  Pace pace;
  pace.agents = count;
  auto agents = Agents::start(lab, pace, {socket});
  if (!agents) return agents.error();
  agents.value().beat_to(0);
  return Crowd{"idle/" + which, std::move(observer).value(), std::move(agents).value()};
}

Result<std::list<Crowd>> gather_all(const Lab& lab) {
  std::list<Crowd> crowds;
  for (const Way way : {Way::KernelSocket, Way::KernelRing}) {
    for (const std::size_t count : {std::size_t{50}, std::size_t{lab.effort.pick(1000, 100)}}) {
      auto crowd = gather(lab, way, count);
      if (!crowd) return crowd.error();
      crowds.push_back(std::move(crowd).value());
    }
  }
  return crowds;
}

// One window after the first beats, when every agent has become known.
Status watch(const Lab& lab, std::list<Crowd>& crowds, Findings& findings) {
  if (auto rested = lab.rest(lab.effort.pick(2'000, 1'100) * kNsPerMs); !rested) return rested;
  for (Crowd& crowd : crowds) {
    const auto cpu_ns = crowd.observer.cpu_ns();
    if (!cpu_ns) return cpu_ns.error();
    crowd.cpu_ns = cpu_ns.value();
  }
  const std::uint64_t began_ns = now_ns();
  if (auto rested = lab.rest(lab.effort.idle_s * kNsPerSecond); !rested) return rested;
  for (Crowd& crowd : crowds) {
    const auto cpu_ns = crowd.observer.cpu_ns();
    if (!cpu_ns) return cpu_ns.error();
    const auto window_ns = static_cast<double>(now_ns() - began_ns);
    findings.add(crowd.row + "/cpu", "% of a CPU",
                 100 * static_cast<double>(cpu_ns.value() - crowd.cpu_ns) / window_ns);
    const auto resident = resident_bytes(crowd.observer.pid());
    if (!resident) return resident.error();
    findings.add(crowd.row + "/rss", "MiB", static_cast<double>(resident.value()) / kBytesPerMib);
  }
  return ok();
}

}  // namespace

Status measure_idle(const Lab& lab, Findings& findings) {
  auto crowds = gather_all(lab);
  if (!crowds) return crowds.error();
  if (auto watched = watch(lab, crowds.value(), findings); !watched) return watched;
  for (Crowd& crowd : crowds.value()) {
    crowd.agents.be_silent();
    const auto account = settle(crowd.observer, crowd.agents, 0);
    if (!account) return account.error();
    findings.note(crowd.row + "/cpu", account.value().text());
  }
  return ok();
}

}  // namespace hb::bench
