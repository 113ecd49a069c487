// The tracker against a model that does everything the slow and obvious way: a std::map, a scan for
// every question, and a sentence of tracker.hpp for every line.
#include <gtest/gtest.h>

#include <algorithm>
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
  std::uint64_t latest_sent = 0;
  bool named = false;
  std::uint64_t death = 0;  // number of the exit, from 1; 0: alive
};

class Model {
 public:
  explicit Model(Eviction eviction) : eviction_(eviction) {}

  std::string record(const TrackedBeat& beat, std::uint64_t now) {
    const auto found = agents_.find(beat.pid);
    if (found == agents_.end()) {
      if (agents_.size() < kCapacity) return begin(beat, now), "inserted";
      return take_the_place_of_another(beat, now);
    }
    Agent& agent = found->second;
    if (beat.origin != agent.first.origin) {
      const bool is_attested = beat.origin == BeatOrigin::KernelAttested;
      if (!is_attested || !agent.named || agent.death != 0) return "origin";
      return begin(beat, now), "taken over";
    }
    const std::uint64_t pinned = agent.first.generation_ns;
    if (pinned != 0 && beat.generation_ns != 0 && beat.generation_ns < pinned) return "order";
    if (pinned != 0 && beat.generation_ns > pinned) return begin(beat, now), "restarted";
    if (agent.death != 0) return "order";
    const std::uint32_t home = agent.first.ns_inode;
    if (home != 0 && beat.ns_inode != 0 && beat.ns_inode != home) return "namespace";
    const bool session = !follows(agent, beat.nonce);
    if (session && !is_a_new_session(agent, beat)) return "order";

    const bool changed = agent.named || agent.last.status != beat.status;
    if (pinned == 0) agent.first.generation_ns = beat.generation_ns;
    if (home == 0) agent.first.ns_inode = beat.ns_inode;
    hear(agent, beat, now);
    if (session) return "session";
    return changed ? "changed" : "refreshed";
  }

  const Agent* longest_silent() const {
    const Agent* oldest = nullptr;
    for (const auto& [pid, agent] : agents_) {
      if (agent.named || agent.death != 0) continue;
      if (oldest == nullptr || agent.order < oldest->order) oldest = &agent;
    }
    return oldest;
  }

  std::string expire(std::uint64_t at) {
    const Agent* oldest = longest_silent();
    if (oldest == nullptr || at < oldest->last_ns + kThreshold) return "nobody";
    agents_.at(oldest->last.pid).named = true;
    return describe(*oldest);
  }

  std::string record_exit(std::uint32_t pid, std::uint64_t generation) {
    const auto found = agents_.find(pid);
    if (found == agents_.end() || generation == 0) return "nobody";
    Agent& agent = found->second;
    if (agent.first.generation_ns != generation || agent.death != 0) return "nobody";
    agent.death = ++deaths_;
    return describe(agent);
  }

  static std::string describe(std::uint32_t pid, std::uint32_t ns, std::uint64_t generation,
                              std::uint64_t nonce, std::uint64_t last_ns, BeatOrigin origin) {
    return std::to_string(pid) + " ns " + std::to_string(ns) + " since " +
           std::to_string(generation) + " nonce " + std::to_string(nonce) + " at " +
           std::to_string(last_ns) + " " + name(origin);
  }

  std::size_t size() const {
    std::size_t alive = 0;
    for (const auto& [pid, agent] : agents_) alive += agent.death == 0 ? 1 : 0;
    return alive;
  }

 private:
  static std::string describe(const Agent& agent) {
    return describe(agent.last.pid, agent.first.ns_inode, agent.first.generation_ns,
                    agent.last.nonce, agent.last_ns, agent.first.origin);
  }

  std::string take_the_place_of_another(const TrackedBeat& beat, std::uint64_t now) {
    const Agent* dead = nullptr;
    const Agent* silent = nullptr;
    for (const auto& [pid, agent] : agents_) {
      if (agent.death != 0) {
        if (dead == nullptr || agent.death < dead->death) dead = &agent;
      } else if (agent.named && (silent == nullptr || agent.order < silent->order)) {
        silent = &agent;
      }
    }
    if (dead == nullptr && silent == nullptr) return "full";
    if (dead == nullptr) {
      const bool vouched_less =
          beat.origin != BeatOrigin::KernelAttested && silent->first.origin != beat.origin;
      const bool long_ago = now - silent->last_ns >= 10 * kThreshold;
      if (vouched_less || (eviction_ == Eviction::Strict && !long_ago)) return "full";
    }
    agents_.erase((dead != nullptr ? dead : silent)->last.pid);
    begin(beat, now);
    return dead != nullptr ? "inserted" : "replaced";
  }

  void begin(const TrackedBeat& beat, std::uint64_t now) {
    Agent agent;
    agent.first = beat;
    hear(agent, beat, now);
    agents_[beat.pid] = agent;
  }

  void hear(Agent& agent, const TrackedBeat& beat, std::uint64_t now) {
    agent.last = beat;
    agent.last_ns = now;
    agent.latest_sent = std::max(agent.latest_sent, beat.sent_ns);
    agent.order = ++beats_;
    agent.named = false;
    if (beat.nonce != kAllOnes) agent.regular_nonce = beat.nonce;
  }

  static bool follows(const Agent& agent, std::uint64_t nonce) {
    if (nonce == kAllOnes || !agent.regular_nonce) return true;
    const bool was_at_the_top = kAllOnes - *agent.regular_nonce <= kTwentyBits;
    return nonce > *agent.regular_nonce || (was_at_the_top && nonce <= kTwentyBits);
  }

  static bool is_a_new_session(const Agent& agent, const TrackedBeat& beat) {
    if (beat.nonce != 1) return false;
    if (beat.generation_ns == 0 && agent.first.generation_ns == 0) return agent.named;
    return beat.origin == BeatOrigin::KernelAttested && beat.generation_ns != 0 &&
           beat.generation_ns == agent.first.generation_ns && agent.latest_sent != 0 &&
           beat.sent_ns > agent.latest_sent;
  }

  const Eviction eviction_;
  std::map<std::uint32_t, Agent> agents_;
  std::uint64_t beats_ = 0;
  std::uint64_t deaths_ = 0;
};

// By the index in Tracker::Outcome; the first two say more.
constexpr const char* kWords[] = {"",       "",          "restarted", "order",
                                  "origin", "namespace", "full",      "taken over"};

std::string words(const Tracker::Outcome& outcome) {
  if (const auto* inserted = std::get_if<Tracker::Inserted>(&outcome)) {
    return inserted->evicted ? "replaced" : "inserted";
  }
  if (const auto* refreshed = std::get_if<Tracker::Refreshed>(&outcome)) {
    if (refreshed->new_session) return "session";
    return refreshed->changed ? "changed" : "refreshed";
  }
  return kWords[outcome.index()];
}

std::string words(const std::optional<Tracker::Stalled>& stall) {
  if (!stall) return "nobody";
  return Model::describe(stall->pid, stall->ns_inode, stall->generation_ns, stall->last_nonce,
                         stall->last_ns, stall->origin);
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
    if (one_in(10)) return 1;
    if (one_in(10)) return edges[below(4)] + below(5) - 2;
    return one_in(10) ? below(nonce_ + 1) : nonce_ += below(3);
  }

  std::uint32_t pid() { return static_cast<std::uint32_t>(2 + below(16)); }
  std::uint64_t generation() { return one_in(20) ? below(4) : 1; }

  TrackedBeat beat(std::uint64_t now) {
    return {.pid = pid(),
            .ns_inode = one_in(20) ? static_cast<std::uint32_t>(below(3)) : 1,
            .generation_ns = generation(),
            .nonce = nonce(),
            .status = one_in(5) ? vlp::Status::Critical : vlp::Status::Ok,
            .origin = one_in(20) ? BeatOrigin::NetworkUnverified : BeatOrigin::KernelAttested,
            .sent_ns = one_in(20) ? 0 : now - below(30)};
  }

 private:
  std::mt19937_64 engine_;
  std::uint64_t nonce_ = 1;
};

// An instant at random: mostly the next one, sometimes one that is long after.
std::uint64_t later(std::uint64_t now, Dice& dice) {
  return now + (dice.one_in(200) ? 12 * kThreshold : dice.below(8));
}

void compare(std::uint64_t seed, std::map<std::string, int>& seen) {
  Dice dice(seed);
  const Eviction eviction = seed % 2 == 0 ? Eviction::Strict : Eviction::Balanced;
  Tracker tracker(kCapacity, kThreshold, seed, eviction);
  Model model(eviction);
  std::uint64_t now = 1000;
  for (int step = 0; step < 2000; ++step) {
    now = later(now, dice);
    const TrackedBeat beat = dice.beat(now);
    const std::string outcome = words(tracker.record(beat, now));
    ASSERT_EQ(outcome, model.record(beat, now)) << "seed " << seed << " step " << step;
    ++seen[outcome];

    if (dice.one_in(20)) {
      const std::uint32_t pid = dice.pid();
      const std::uint64_t generation = dice.generation();
      const std::string dead = words(tracker.record_exit(pid, generation));
      ASSERT_EQ(dead, model.record_exit(pid, generation)) << "seed " << seed << " step " << step;
      ++seen[dead == "nobody" ? "no death" : "death"];
    }

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
  EXPECT_EQ(seen.size(), 15U) << "every outcome was met";
  for (const auto& [outcome, count] : seen) EXPECT_GT(count, 100) << outcome;
}

}  // namespace
}  // namespace hb
