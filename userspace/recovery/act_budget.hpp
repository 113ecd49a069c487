// ActBudget: at most so many acts in any window of time, over all agents together.
//
// A host whose agents all stall at once has another problem than its agents; killing or restarting
// every one of them would make it worse. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hb {

class ActBudget {
 public:
  struct Config {
    std::size_t acts = 10;
    std::uint64_t window_ns = 60'000'000'000;
  };

  explicit ActBudget(const Config& config) : config_(config) { spent_ns_.reserve(config.acts); }

  // Whether one more act keeps within every window that ends at `now_ns`.
  [[nodiscard]] bool allows(std::uint64_t now_ns) const {
    if (config_.acts == 0) return false;
    return spent_ns_.size() < config_.acts || now_ns - spent_ns_[oldest_] >= config_.window_ns;
  }

  // Only when it allows(). `now_ns` never goes back.
  void spend(std::uint64_t now_ns) {
    if (spent_ns_.size() < config_.acts) {
      spent_ns_.push_back(now_ns);
      return;
    }
    spent_ns_[oldest_] = now_ns;
    oldest_ = (oldest_ + 1) % config_.acts;
  }

 private:
  const Config config_;
  std::vector<std::uint64_t> spent_ns_;  // a ring once it is full
  std::size_t oldest_ = 0;
};

}  // namespace hb
