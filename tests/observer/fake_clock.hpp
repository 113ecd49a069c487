// A clock that is moved by hand.
#pragma once

#include <cstdint>

#include "observer/clock.hpp"

namespace hb {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::uint64_t now_ns) : now_ns_(now_ns) {}

  [[nodiscard]] std::uint64_t now_ns() const override { return now_ns_; }
  void advance(std::uint64_t ns) { now_ns_ += ns; }

  // The machine sleeps: CLOCK_MONOTONIC stands still.
  [[nodiscard]] std::uint64_t suspended_ns() const override { return suspended_ns_; }
  void suspend(std::uint64_t ns) { suspended_ns_ += ns; }

 private:
  std::uint64_t now_ns_;
  std::uint64_t suspended_ns_ = 12345;  // before the test
};

}  // namespace hb
