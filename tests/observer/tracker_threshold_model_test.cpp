// Agents with thresholds of their own, against a model that scans a std::map of them: which stall
// is returned when.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "observer/tracker.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kDefault = 50;
constexpr std::uint32_t kPids = 24;
constexpr std::uint32_t kManyPids = 4 * kPids;

struct Agent {
  std::uint64_t generation = 0;
  std::uint64_t nonce = 0;
  std::uint64_t last_ns = 0;
  std::uint64_t threshold = kDefault;
  enum { Live, Stalled, Dead } state = Live;

  std::uint64_t deadline() const { return last_ns + threshold; }
};

class Model {
 public:
  void beat(std::uint32_t pid, std::uint64_t generation, std::uint64_t nonce, std::uint64_t now) {
    Agent& agent = agents_[pid];
    if (agent.generation > generation) return;
    if (agent.generation < generation) agent = Agent{.generation = generation};
    if (agent.state == Agent::Dead || nonce <= agent.nonce) return;
    agent.nonce = nonce;
    agent.last_ns = now;
    agent.state = Agent::Live;
  }

  bool set_threshold(std::uint32_t pid, std::uint64_t generation, std::uint64_t threshold) {
    if (!is_alive(pid, generation)) return false;
    if (used_by_others_than(pid, threshold).size() > Thresholds::kMost) return false;
    agents_.at(pid).threshold = threshold;
    return true;
  }

  bool exit(std::uint32_t pid, std::uint64_t generation) {
    if (!is_alive(pid, generation)) return false;
    agents_.at(pid).state = Agent::Dead;
    return true;
  }

  std::uint64_t next_deadline() const {
    std::uint64_t next = Tracker::kNever;
    for (const auto& [pid, agent] : agents_) {
      if (agent.state == Agent::Live) next = std::min(next, agent.deadline());
    }
    return next;
  }

  // Those that stall until then, by their deadlines.
  std::vector<std::uint32_t> expire(std::uint64_t at) {
    std::multimap<std::uint64_t, std::uint32_t> due;
    for (auto& [pid, agent] : agents_) {
      if (agent.state != Agent::Live || agent.deadline() > at) continue;
      due.emplace(agent.deadline(), pid);
      agent.state = Agent::Stalled;
    }
    std::vector<std::uint32_t> pids;
    for (const auto& [deadline, pid] : due) pids.push_back(pid);
    return pids;
  }

  std::size_t size() const {
    return static_cast<std::size_t>(std::count_if(
        agents_.begin(), agents_.end(), [](auto& a) { return a.second.state != Agent::Dead; }));
  }
  std::uint64_t deadline_of(std::uint32_t pid) const { return agents_.at(pid).deadline(); }
  std::uint64_t generation_of(std::uint32_t pid) const {
    const auto found = agents_.find(pid);
    return found == agents_.end() ? 1 : found->second.generation;
  }

 private:
  bool is_alive(std::uint32_t pid, std::uint64_t generation) const {
    const auto found = agents_.find(pid);
    return found != agents_.end() && found->second.generation == generation &&
           found->second.state != Agent::Dead;
  }

  // All thresholds in use if that agent had this one.
  std::set<std::uint64_t> used_by_others_than(std::uint32_t pid, std::uint64_t threshold) const {
    std::set<std::uint64_t> used{kDefault, threshold};
    for (const auto& [other, agent] : agents_) {
      if (other != pid && agent.state != Agent::Dead) used.insert(agent.threshold);
    }
    return used;
  }

  std::map<std::uint32_t, Agent> agents_;
};

// The tracker and the model, and the same calls of both.
class Pair {
 public:
  Pair(std::uint64_t seed, std::uint32_t pids, std::uint64_t thresholds)
      : engine_(seed), tracker_(kManyPids, kDefault, seed), pids_(pids), thresholds_(thresholds) {}

  void step() {
    now_ += one_in(100) ? 3 * kDefault : below(6);
    beat();
    if (one_in(6)) set_threshold();
    if (one_in(25)) exit();
    ASSERT_EQ(tracker_.next_deadline_ns(), model_.next_deadline());
    ASSERT_NO_FATAL_FAILURE(expire(now_ - below(10)));
    ASSERT_EQ(tracker_.size(), model_.size());
  }

  std::uint64_t stalls() const { return stalls_; }
  std::uint64_t set() const { return set_; }
  std::uint64_t refused() const { return refused_; }

 private:
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::uint32_t pid() { return static_cast<std::uint32_t>(2 + below(pids_)); }

  void beat() {
    const std::uint32_t who = pid();
    const std::uint64_t generation = model_.generation_of(who) + (one_in(20) ? 1 : 0);
    ++nonce_;
    tracker_.record({.pid = who, .generation_ns = generation, .nonce = nonce_}, now_);
    model_.beat(who, generation, nonce_, now_);
  }

  void set_threshold() {
    const std::uint32_t who = pid();
    const std::uint64_t generation = model_.generation_of(who) + (one_in(20) ? 1 : 0);
    const std::uint64_t threshold = kDefault / 2 + below(thresholds_);
    const bool was_set = tracker_.set_threshold(who, generation, threshold);
    ASSERT_EQ(was_set, model_.set_threshold(who, generation, threshold));
    ++(was_set ? set_ : refused_);
  }

  void exit() {
    const std::uint32_t who = pid();
    const std::uint64_t generation = model_.generation_of(who);
    ASSERT_EQ(tracker_.record_exit(who, generation).has_value(), model_.exit(who, generation));
  }

  // Agents with the same deadline and different thresholds may come in any order.
  void expire(std::uint64_t at) {
    std::vector<std::uint32_t> pids;
    std::uint64_t last_deadline = 0;
    while (const auto stall = tracker_.expire(at)) {
      pids.push_back(stall->pid);
      ASSERT_GE(model_.deadline_of(stall->pid), last_deadline);
      last_deadline = model_.deadline_of(stall->pid);
    }
    std::vector<std::uint32_t> expected = model_.expire(at);
    std::sort(pids.begin(), pids.end());
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(pids, expected) << "at " << at;
    stalls_ += pids.size();
  }

  std::mt19937_64 engine_;
  Tracker tracker_;
  Model model_;
  const std::uint32_t pids_;
  const std::uint64_t thresholds_;
  std::uint64_t now_ = 1000;
  std::uint64_t nonce_ = 0;
  std::uint64_t stalls_ = 0;
  std::uint64_t set_ = 0;
  std::uint64_t refused_ = 0;
};

void compare(std::uint32_t pids, std::uint64_t thresholds, std::uint64_t least_refused) {
  std::uint64_t stalls = 0;
  std::uint64_t set = 0;
  std::uint64_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Pair pair(seed, pids, thresholds);
    for (int step = 0; step < 2000; ++step) {
      ASSERT_NO_FATAL_FAILURE(pair.step()) << "seed " << seed << " step " << step;
    }
    stalls += pair.stalls();
    set += pair.set();
    refused += pair.refused();
  }
  EXPECT_GT(stalls, 1000U);
  EXPECT_GT(set, 1000U);
  EXPECT_GE(refused, least_refused);
}

TEST(ThresholdModel, AgreesOnAFewThresholds) { compare(kPids, 5, 100); }

TEST(ThresholdModel, AgreesOnAThresholdForEachAgent) { compare(kPids, 1000, 100); }

// There are more agents than there can be thresholds, and hardly two ask for the same one.
TEST(ThresholdModel, AgreesOnMoreThanThereCanBe) { compare(kManyPids, 1'000'000, 1000); }

}  // namespace
}  // namespace hb
