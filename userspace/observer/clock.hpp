// The clock is a seam: tests move it by hand.
#pragma once

#include <cstdint>

namespace hb {

class Clock {
 public:
  virtual ~Clock() = default;
  // CLOCK_MONOTONIC, the clock of the stamps' ktime_ns. Never goes back.
  [[nodiscard]] virtual std::uint64_t now_ns() const = 0;
};

class MonotonicClock final : public Clock {
 public:
  [[nodiscard]] std::uint64_t now_ns() const override;
};

}  // namespace hb
