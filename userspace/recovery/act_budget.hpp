// ActBudget: at most so many acts in any window of time, over all agents together.
//
// A host whose agents all stall at once has another problem than its agents; killing or restarting
// every one of them would make it worse. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/units.hpp"

namespace hb {

class ActBudget {
 public:
  struct Config {
    std::size_t acts = 10;
    std::uint64_t window_ns = 60 * kNsPerSecond;

    friend bool operator==(const Config&, const Config&) = default;
  };

  explicit ActBudget(const Config& config) : config_(config) {}

  // Whether one more act keeps within every window that ends at `now_ns`.
  [[nodiscard]] bool allows(std::uint64_t now_ns) const {
    if (config_.acts == 0) return false;
    return spent_ns_.size() < config_.acts || now_ns - spent_ns_.front() >= config_.window_ns;
  }

  // Only when it allows(). `now_ns` never goes back.
  void spend(std::uint64_t now_ns) {
    if (spent_ns_.size() == config_.acts) spent_ns_.pop_front();
    spent_ns_.push_back(now_ns);
  }

  // Nothing of it is spent in the window that ends at `now_ns`.
  [[nodiscard]] bool is_whole(std::uint64_t now_ns) const {
    return spent_ns_.empty() || now_ns - spent_ns_.back() >= config_.window_ns;
  }

  // The act for which spend(at_ns) was called did not happen.
  void give_back(std::uint64_t at_ns) {
    const auto spent = std::find(spent_ns_.begin(), spent_ns_.end(), at_ns);
    if (spent != spent_ns_.end()) spent_ns_.erase(spent);
  }

 private:
  const Config config_;
  std::deque<std::uint64_t> spent_ns_;  // oldest first
};

}  // namespace hb
