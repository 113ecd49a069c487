// A flood of each kind, four honest agents and one that hangs, and an observer that kills agents
// that it finds silent. tests/daemon/flood_test.cpp does the same for longer, with more users.
#include "lab/bench/measure_floods.hpp"

#include <string>

#include "base/units.hpp"
#include "lab/bench/flood_trial.hpp"
#include "lab/bench/time.hpp"

namespace hb::bench {
namespace {

constexpr std::uint32_t kHonestUid = 65532;
constexpr std::uint32_t kFlooderUid = 65001;
constexpr std::size_t kFlooders = 8;

// Twice and ten times in the threshold; the last one hangs.
std::vector<HonestAgents::Manner> honest(std::uint64_t threshold_ns) {
  const std::uint64_t slow_ns = threshold_ns / 2;
  const std::uint64_t fast_ns = threshold_ns / 10;
  return {{kHonestUid, slow_ns, true},
          {kHonestUid, slow_ns, false},
          {kHonestUid, fast_ns, true},
          {kHonestUid, fast_ns, false},
          {kHonestUid, fast_ns, false}};
}

FloodTrial trial(const Lab& lab, FloodKind kind, Way way) {
  FloodTrial trial;
  trial.way = way;
  trial.flood.kind = kind;
  trial.flood.uids = {kind == FloodKind::ForgedCredentials ? 0 : kFlooderUid};
  trial.flood.processes = kFlooders;
  trial.threshold_ms = lab.effort.pick(1'000, 200);
  trial.manners = honest(trial.threshold_ms * kNsPerMs);
  trial.duration_ns = trial.threshold_ms * kNsPerMs;
  return trial;
}

std::string told(const FloodOutcome& outcome) {
  return std::to_string(outcome.tried) + " honest beats: " + std::to_string(outcome.accepted) +
         " accepted, " + std::to_string(outcome.full) + " met a full queue; " +
         std::to_string(outcome.flood.tried) + " sends of the flood";
}

void add(const FloodTrial& trial, const FloodOutcome& outcome, Findings& findings) {
  const std::string row = std::string("overload/") + name(trial.flood.kind) + "/" + name(trial.way);
  const auto share = [&](std::uint64_t part) {
    return outcome.tried == 0
               ? 0
               : 100 * static_cast<double>(part) / static_cast<double>(outcome.tried);
  };
  findings.add(row + "/unheard", "%", share(outcome.unheard()));
  findings.note(row + "/unheard", told(outcome));
  findings.add(row + "/false-stalls", "stalls", static_cast<double>(outcome.false_stalls));
  findings.add(row + "/killed", "agents", static_cast<double>(outcome.killed));
  const std::uint64_t threshold_ns = trial.threshold_ms * kNsPerMs;
  const std::uint64_t never_ns = FloodOutcome::kLatest * threshold_ns;
  findings.add(
      row + "/hung-found", "thresholds",
      static_cast<double>(outcome.found_ns.value_or(never_ns)) / static_cast<double>(threshold_ns));
  if (!outcome.found_ns) findings.note(row + "/hung-found", "it was not found");
}

}  // namespace

Result<> measure_floods(const Lab& lab, Findings& findings) {
  for (const FloodKind kind : kFloodKinds) {
    for (const Way way : {Way::KernelSocket, Way::KernelRing}) {
      const FloodTrial one = trial(lab, kind, way);
      const auto held = hold(lab, one);
      if (lab.is_stopped()) return ok();
      if (!held) return Error{std::string(name(kind)) + ": " + held.error().message};
      add(one, held.value(), findings);
    }
  }
  return ok();
}

}  // namespace hb::bench
