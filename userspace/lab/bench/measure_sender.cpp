// CPU time of send(2) in the agent, alone and while others send too, to a plain socket and to
// sockets with the kernel program attached. The queue never fills.
#include <array>
#include <memory>

#include "lab/bench/measure.hpp"
#include "lab/bench/squad.hpp"
#include "lab/bench/station.hpp"

namespace hb::bench {
namespace {

// Of all senders together: less than the queue length and than SO_SNDBUF of one sender (about 270
// frames by default).
constexpr std::size_t kBurst = 200;

// A limit that is checked but never reached.
constexpr std::uint64_t kUnreachedLimit = 1'000'000;

struct Variant {
  const char* name;
  Way way;
  std::uint64_t max_beat_rate;
};

constexpr std::array kVariants = {
    Variant{"plain", Way::Raw, 0},
    Variant{"kernel-socket", Way::KernelSocket, kUnreachedLimit},
    Variant{"kernel-ring", Way::KernelRing, kUnreachedLimit},
    Variant{"kernel-socket-unlimited", Way::KernelSocket, 0},
    Variant{"kernel-ring-unlimited", Way::KernelRing, 0},
};

struct Targets {
  std::vector<const Variant*> variants;
  std::vector<std::unique_ptr<Station>> stations;
  std::vector<std::string> sockets;
};

std::string row_name(std::size_t senders, const Variant& variant) {
  return "sender/" + std::to_string(senders) + "/" + variant.name;
}

Result<Targets> open_all(const Lab& lab) {
  Targets all;
  for (const Variant& variant : kVariants) {
    StationConfig config;
    config.max_beat_rate = variant.max_beat_rate;
    auto station =
        Station::open(variant.way, lab.socket(std::string("sender-") + variant.name), config);
    if (!station) return station.error();
    all.variants.push_back(&variant);
    all.sockets.push_back(station.value()->path());
    all.stations.push_back(std::move(station).value());
  }
  return all;
}

Result<> round(const Lab& lab, Squad& squad, Targets& all, Findings& findings) {
  const std::uint64_t bursts = lab.effort.pick(12, 2);
  const std::size_t frames = kBurst / squad.size();
  std::vector<double> spent_ns(all.variants.size(), 0);
  for (std::uint64_t i = 0; i < bursts; ++i) {
    for (std::size_t index = 0; index < all.variants.size(); ++index) {
      const auto cost = squad.burst(index, frames);
      if (!cost) return cost.error();
      spent_ns[index] += cost.value();
      const std::uint64_t beats = all.stations[index]->drain();
      if (beats != frames * squad.size()) {
        return Error{std::string(all.variants[index]->name) + ": a burst of " +
                     std::to_string(frames * squad.size()) + " became " + std::to_string(beats) +
                     " beats"};
      }
    }
  }
  for (std::size_t index = 0; index < all.variants.size(); ++index) {
    findings.add(row_name(squad.size(), *all.variants[index]), "ns/send",
                 spent_ns[index] / static_cast<double>(bursts));
  }
  return ok();
}

Result<> measure_with(const Lab& lab, std::size_t senders, Targets& all, Findings& findings) {
  auto squad = Squad::start(lab, senders, all.sockets);
  if (!squad) return squad.error();
  Findings warm_up;
  if (auto warm = round(lab, squad.value(), all, warm_up); !warm) return warm;
  for (std::size_t i = 0; i < lab.effort.rounds && !lab.is_stopped(); ++i) {
    if (auto done = round(lab, squad.value(), all, findings); !done) return done;
  }
  return ok();
}

}  // namespace

Result<> measure_sender(const Lab& lab, Findings& findings) {
  auto all = open_all(lab);
  if (!all) return all.error();
  for (const std::size_t senders : {1U, 4U}) {
    if (auto done = measure_with(lab, senders, all.value(), findings); !done) return done;
  }
  return ok();
}

}  // namespace hb::bench
