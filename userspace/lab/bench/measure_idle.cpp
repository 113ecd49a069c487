// CPU time and memory of `hb-ebpf run` with 50 and with 1,000 agents that beat once a second, and
// of a process that only receives the same beats. All are measured at the same time; as they sleep
// most of the time, they hardly disturb each other.
#include <list>
#include <variant>

#include "base/units.hpp"
#include "lab/bench/account.hpp"
#include "lab/bench/bare_observer.hpp"
#include "lab/bench/measure.hpp"
#include "lab/bench/time.hpp"
#include "lab/resident.hpp"

namespace hb::bench {
namespace {

constexpr double kBytesPerMib = 1'048'576;

// What is measured: `hb-ebpf run`, or the bare observer.
struct Subject {
  const char* name;
  Way way;
  std::vector<std::size_t> agents;  // numbers of agents to measure
};

constexpr std::size_t kFew = 50;

std::vector<Subject> subjects(const Lab& lab) {
  const std::size_t many = lab.effort.pick(1000, 100);
  return {{"raw", Way::Raw, {kFew}},
          {"kernel-socket", Way::KernelSocket, {kFew, many}},
          {"kernel-ring", Way::KernelRing, {kFew, many}}};
}

using Watched = std::variant<ObserverProcess, BareObserver>;

struct Crowd {
  std::string row;
  Watched observer;
  Agents agents;
  std::uint64_t cpu_ns = 0;  // when the window began

  [[nodiscard]] pid_t pid() const {
    return std::visit([](const auto& one) { return one.pid(); }, observer);
  }
};

Result<Watched> start(const Lab& lab, const Subject& subject, const std::string& socket) {
  if (subject.way == Way::Raw) {
    auto bare = BareObserver::start(lab, socket);
    if (!bare) return bare.error();
    return Watched(std::move(bare).value());
  }
  auto real = ObserverProcess::start(lab, subject.way, socket, quiet());
  if (!real) return real.error();
  return Watched(std::move(real).value());
}

Result<Crowd> gather(const Lab& lab, const Subject& subject, std::size_t count) {
  const std::string which = std::to_string(count) + "/" + subject.name;
  const std::string socket = lab.socket("idle-" + std::to_string(count) + "-" + subject.name);
  auto observer = start(lab, subject, socket);
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
  for (const Subject& subject : subjects(lab)) {
    for (const std::size_t count : subject.agents) {
      auto crowd = gather(lab, subject, count);
      if (!crowd) return crowd.error();
      crowds.push_back(std::move(crowd).value());
    }
  }
  return crowds;
}

Result<> note_cpu(std::list<Crowd>& crowds) {
  for (Crowd& crowd : crowds) {
    const auto cpu_ns = process_cpu_ns(crowd.pid());
    if (!cpu_ns) return cpu_ns.error();
    crowd.cpu_ns = cpu_ns.value();
  }
  return ok();
}

Result<> window(const Lab& lab, std::list<Crowd>& crowds, std::uint64_t window_ns,
                Findings& findings) {
  if (auto noted = note_cpu(crowds); !noted) return noted;
  const std::uint64_t began_ns = now_ns();
  if (auto rested = lab.rest(window_ns); !rested) return rested;
  for (const Crowd& crowd : crowds) {
    const auto cpu_ns = process_cpu_ns(crowd.pid());
    if (!cpu_ns) return cpu_ns.error();
    const auto took_ns = static_cast<double>(now_ns() - began_ns);
    findings.add(crowd.row + "/cpu", "% of a CPU",
                 100 * static_cast<double>(cpu_ns.value() - crowd.cpu_ns) / took_ns);
    // It is a fork of this process, so its memory use is not meaningful.
    if (std::holds_alternative<BareObserver>(crowd.observer)) continue;
    const auto resident = resident_bytes(crowd.pid());
    if (!resident) return resident.error();
    findings.add(crowd.row + "/rss", "MiB", static_cast<double>(resident.value()) / kBytesPerMib);
  }
  return ok();
}

// After the first beat of every agent.
Result<> watch(const Lab& lab, std::list<Crowd>& crowds, Findings& findings) {
  const std::uint64_t windows = lab.effort.pick(6, 2);
  if (auto rested = lab.rest(lab.effort.pick(2'000, 1'100) * kNsPerMs); !rested) return rested;
  for (std::uint64_t i = 0; i < windows; ++i) {
    const std::uint64_t window_ns = lab.effort.idle_s * kNsPerSecond / windows;
    if (auto watched = window(lab, crowds, window_ns, findings); !watched) return watched;
  }
  return ok();
}

Result<std::uint64_t> beats_at_the_end(Crowd& crowd) {
  if (auto* bare = std::get_if<BareObserver>(&crowd.observer)) return bare->end();
  const auto end = std::get<ObserverProcess>(crowd.observer).end();
  if (!end) return end.error();
  return end.value().beats;
}

}  // namespace

Result<> measure_idle(const Lab& lab, Findings& findings) {
  auto crowds = gather_all(lab);
  if (!crowds) return crowds.error();
  if (auto watched = watch(lab, crowds.value(), findings); !watched) return watched;
  for (Crowd& crowd : crowds.value()) {
    crowd.agents.be_silent();
    const auto beats = beats_at_the_end(crowd);
    if (!beats) return beats.error();
    findings.note(crowd.row + "/cpu", account_of(crowd.agents, 0, beats.value()).text());
  }
  return ok();
}

}  // namespace hb::bench
