// CPU time of the observer's thread per frame, from the first receive call to the last event of a
// burst that was queued before by real processes, whose time is not counted.
#include <array>
#include <memory>

#include "lab/bench/measure.hpp"
#include "lab/bench/squad.hpp"
#include "lab/bench/station.hpp"
#include "lab/bench/time.hpp"

namespace hb::bench {
namespace {

constexpr std::size_t kSenders = 64;
constexpr std::size_t kFrames = 7;  // per sender and burst; all fit into the queue

struct Stations {
  std::vector<Way> ways;
  std::vector<std::unique_ptr<Station>> stations;
  std::vector<std::string> sockets;
};

Result<Stations> open_all(const Lab& lab) {
  Stations all;
  for (const Way way : kWays) {
    auto station = Station::open(way, lab.socket(std::string("observer-") + name(way)));
    if (!station) return station.error();
    all.ways.push_back(way);
    all.sockets.push_back(station.value()->path());
    all.stations.push_back(std::move(station).value());
  }
  return all;
}

// Total CPU time of one burst, in nanoseconds.
Result<std::uint64_t> burst(Squad& squad, Stations& all, std::size_t index) {
  if (const auto sent = squad.burst(index, kFrames); !sent) return sent.error();
  const std::uint64_t before = thread_cpu_ns();
  const std::uint64_t beats = all.stations[index]->drain();
  const std::uint64_t spent = thread_cpu_ns() - before;
  if (beats != kSenders * kFrames) {
    return Error{std::string(name(all.ways[index])) + ": of " + std::to_string(kSenders * kFrames) +
                 " frames " + std::to_string(beats) + " became beats"};
  }
  return spent;
}

Result<> round(const Lab& lab, Squad& squad, Stations& all, Findings& findings) {
  const std::uint64_t bursts = lab.effort.pick(12, 2);
  std::vector<std::uint64_t> spent(all.ways.size(), 0);
  for (std::uint64_t i = 0; i < bursts; ++i) {
    for (std::size_t index = 0; index < all.ways.size(); ++index) {
      const auto one = burst(squad, all, index);
      if (!one) return one.error();
      spent[index] += one.value();
    }
  }
  const auto frames = static_cast<double>(bursts * kSenders * kFrames);
  for (std::size_t index = 0; index < all.ways.size(); ++index) {
    findings.add(std::string("observer/") + name(all.ways[index]), "ns/frame",
                 static_cast<double>(spent[index]) / frames);
  }
  return ok();
}

}  // namespace

Result<> measure_observer(const Lab& lab, Findings& findings) {
  auto all = open_all(lab);
  if (!all) return all.error();
  auto squad = Squad::start(lab, kSenders, all.value().sockets);
  if (!squad) return squad.error();
  Findings warm_up;
  if (auto warm = round(lab, squad.value(), all.value(), warm_up); !warm) return warm;
  for (std::size_t i = 0; i < lab.effort.rounds && !lab.is_stopped(); ++i) {
    if (auto done = round(lab, squad.value(), all.value(), findings); !done) return done;
  }
  return ok();
}

}  // namespace hb::bench
