// FakeSource: a working model of a source. Delivered frames wait in a bounded queue until next()
// returns them; the horizon is that of a real source. Each call is recorded in a log that several
// sources may share: "a:took", "a:empty", "a:held".
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "observer/horizon.hpp"
#include "observer/source.hpp"

namespace hb {

class FakeSource final : public Source {
 public:
  static constexpr std::uint64_t kQueueLength = 10;

  FakeSource(std::string name, std::uint64_t start_ns, std::vector<std::string>& log)
      : name_(std::move(name)), log_(log), horizon_(start_ns, kQueueLength) {}

  void deliver(Reception reception) { queue_.push_back(std::move(reception)); }

  // From now on the queue is never seen empty: when nothing else waits, this does.
  void flood(Reception reception) { flood_ = std::move(reception); }

  // The front of the queue is not decided before this instant, like a frame that waits for its
  // stamp: next() is empty until then, and the horizon stays.
  void hold_until(std::uint64_t ns) { held_until_ns_ = ns; }

  // As a source that forgets to say when it wants to be called.
  void never_wake() { says_wake_ = false; }

  std::optional<Reception> next(std::uint64_t now_ns) override {
    if (now_ns < held_until_ns_) return log("held"), std::nullopt;
    if (queue_.empty() && flood_) queue_.push_back(*flood_);
    if (queue_.empty()) {
      horizon_.empty_at(now_ns);
      return log("empty"), std::nullopt;
    }
    horizon_.took(1, now_ns);
    log("took");
    Reception front = std::move(queue_.front());
    queue_.pop_front();
    return front;
  }

  void handled() override { ++handled_count_; }
  [[nodiscard]] std::uint64_t handled_count() const { return handled_count_; }

  [[nodiscard]] std::uint64_t horizon_ns() const override { return horizon_.ns(); }

  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t now_ns) const override {
    return says_wake_ && now_ns < held_until_ns_ ? held_until_ns_ : kNever;
  }

 private:
  void log(const char* what) { log_.push_back(name_ + ":" + what); }

  const std::string name_;
  std::vector<std::string>& log_;
  std::deque<Reception> queue_;
  std::optional<Reception> flood_;
  std::uint64_t held_until_ns_ = 0;
  bool says_wake_ = true;
  std::uint64_t handled_count_ = 0;
  Horizon horizon_;
};

}  // namespace hb
