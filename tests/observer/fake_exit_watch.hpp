// FakeExitWatch: a working model of an exit watch: a queue.
#pragma once

#include <cstddef>
#include <deque>

#include "observer/exit_watch.hpp"

namespace hb {

class FakeExitWatch final : public ExitWatch {
 public:
  void end(const ProcessExit& exit) { queue_.push_back(exit); }

  const ProcessExit* front() override { return queue_.empty() ? nullptr : &queue_.front(); }
  void take() override { queue_.pop_front(); }
  [[nodiscard]] std::optional<ProcessExit> find(std::uint32_t pid,
                                                std::uint64_t generation_ns) const override {
    for (const ProcessExit& exit : queue_) {
      if (exit.pid == pid && exit.generation_ns == generation_ns) return exit;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

 private:
  std::deque<ProcessExit> queue_;
};

}  // namespace hb
