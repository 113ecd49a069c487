// The tracker against a model that does everything the slow and obvious way: a std::map, a scan for
// every question, and a sentence of tracker.hpp for every line.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <string>

#include "observer/tracker.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kThreshold = 50;
constexpr std::size_t kCapacity = 12;
constexpr std::uint64_t kAllOnes = 0xFFFFFFFFFFFFFFFF;
constexpr std::uint64_t kTwentyBits = 0x100000;

struct Agent {
  TrackedBeat first;  // with what was learned since
  TrackedBeat last;
  std::optional<std::uint64_t> regular_nonce;
  std::uint64_t last_ns = 0;
  std::uint64_t order = 0;  // of the last beat among all beats
  bool named = false;
};

class Model {
 public:
  std::string record(const TrackedBeat& beat, std::uint64_t now) {
    const auto found = agents_.find(beat.pid);
    if (found == agents_.end()) {
      if (agents_.size() == kCapacity) return "full";
      begin(beat, now);
      return "inserted";
    }
    Agent& agent = found->second;
    if (beat.origin != agent.first.origin) return "origin";
    const std::uint64_t pinned = agent.first.generation_ns;
    if (pinned != 0 && beat.generation_ns != 0 && beat.generation_ns < pinned) return "order";
    if (pinned != 0 && beat.generation_ns > pinned) {
      begin(beat, now);
      return "restarted";
    }
    const std::uint32_t home = agent.first.ns_inode;
    if (home != 0 && beat.ns_inode != 0 && beat.ns_inode != home) return "namespace";
    if (!follows(agent, beat.nonce)) return "order";

    const bool changed = agent.named || agent.last.status != beat.status;
    if (pinned == 0) agent.first.generation_ns = beat.generation_ns;
    if (home == 0) agent.first.ns_inode = beat.ns_inode;
    hear(agent, beat, now);
    return changed ? "changed" : "refreshed";
  }

  const Agent* longest_silent() const {
    const Agent* oldest = nullptr;
    for (const auto& [pid, agent] : agents_) {
      if (agent.named) continue;
      if (oldest == nullptr || agent.order < oldest->order) oldest = &agent;
    }
    return oldest;
  }

  std::string expire(std::uint64_t at) {
    const Agent* oldest = longest_silent();
    if (oldest == nullptr || at < oldest->last_ns + kThreshold) return "nobody";
    agents_.at(oldest->last.pid).named = true;
    return describe(oldest->last.pid, oldest->first.ns_inode, oldest->last.nonce, oldest->last_ns,
                    oldest->first.origin);
  }

  static std::string describe(std::uint32_t pid, std::uint32_t ns, std::uint64_t nonce,
                              std::uint64_t last_ns, BeatOrigin origin) {
    return std::to_string(pid) + " ns " + std::to_string(ns) + " nonce " + std::to_string(nonce) +
           " at " + std::to_string(last_ns) + " " + name(origin);
  }

  std::size_t size() const { return agents_.size(); }

 private:
  void begin(const TrackedBeat& beat, std::uint64_t now) {
    Agent agent;
    agent.first = beat;
    hear(agent, beat, now);
    agents_[beat.pid] = agent;
  }

  void hear(Agent& agent, const TrackedBeat& beat, std::uint64_t now) {
    agent.last = beat;
    agent.last_ns = now;
    agent.order = ++beats_;
    agent.named = false;
    if (beat.nonce != kAllOnes) agent.regular_nonce = beat.nonce;
  }

  static bool follows(const Agent& agent, std::uint64_t nonce) {
    if (nonce == kAllOnes || !agent.regular_nonce) return true;
    const bool was_at_the_top = kAllOnes - *agent.regular_nonce <= kTwentyBits;
    return nonce > *agent.regular_nonce || (was_at_the_top && nonce <= kTwentyBits);
  }

  std::map<std::uint32_t, Agent> agents_;
  std::uint64_t beats_ = 0;
};

// By the index in Tracker::Outcome; Refreshed is two.
constexpr const char* kWords[] = {"inserted", "",          "restarted", "order",
                                  "origin",   "namespace", "full"};

std::string words(const Tracker::Outcome& outcome) {
  if (const auto* refreshed = std::get_if<Tracker::Refreshed>(&outcome)) {
    return refreshed->changed ? "changed" : "refreshed";
  }
  return kWords[outcome.index()];
}

std::string words(const std::optional<Tracker::Stalled>& stall) {
  if (!stall) return "nobody";
  return Model::describe(stall->pid, stall->ns_inode, stall->last_nonce, stall->last_ns,
                         stall->origin);
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  // Mostly a little above the last one, sometimes anywhere that matters.
  std::uint64_t nonce() {
    const std::uint64_t edges[] = {0, kTwentyBits, kAllOnes - kTwentyBits, kAllOnes};
    if (one_in(10)) return kAllOnes;
    if (one_in(10)) return edges[below(4)] + below(5) - 2;
    return one_in(10) ? below(nonce_ + 1) : nonce_ += below(3);
  }

  TrackedBeat beat() {
    return {.pid = static_cast<std::uint32_t>(2 + below(16)),
            .ns_inode = one_in(20) ? static_cast<std::uint32_t>(below(3)) : 1,
            .generation_ns = one_in(20) ? below(4) : 1,
            .nonce = nonce(),
            .status = one_in(5) ? vlp::Status::Critical : vlp::Status::Ok,
            .origin = one_in(20) ? BeatOrigin::NetworkUnverified : BeatOrigin::KernelAttested};
  }

 private:
  std::mt19937_64 engine_;
  std::uint64_t nonce_ = 1;
};

void compare(std::uint64_t seed, std::map<std::string, int>& seen) {
  Dice dice(seed);
  Tracker tracker(kCapacity, kThreshold, seed);
  Model model;
  std::uint64_t now = 1000;
  for (int step = 0; step < 2000; ++step) {
    now += dice.below(8);
    const TrackedBeat beat = dice.beat();
    const std::string outcome = words(tracker.record(beat, now));
    ASSERT_EQ(outcome, model.record(beat, now)) << "seed " << seed << " step " << step;
    ++seen[outcome];

    const auto* silent = model.longest_silent();
    ASSERT_EQ(tracker.next_deadline_ns(), silent ? silent->last_ns + kThreshold : Tracker::kNever);
    const std::uint64_t at = now - dice.below(20);
    for (std::string who; who != "nobody";) {
      who = words(tracker.expire(at));
      ASSERT_EQ(who, model.expire(at)) << "seed " << seed << " step " << step;
      ++seen[who == "nobody" ? "nobody" : "stalled"];
    }
    ASSERT_EQ(tracker.size(), model.size());
  }
}

TEST(TrackerModel, AgreesOnEverything) {
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    ASSERT_NO_FATAL_FAILURE(compare(seed, seen));
  }
  EXPECT_EQ(seen.size(), 10U) << "every outcome was met";
  for (const auto& [outcome, count] : seen) EXPECT_GT(count, 100) << outcome;
}

}  // namespace
}  // namespace hb
