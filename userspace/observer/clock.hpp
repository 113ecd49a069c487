// The clock is a seam: tests move it by hand.
#pragma once

#include <cstdint>

namespace hb {

class Clock {
 public:
  virtual ~Clock() = default;
  // CLOCK_MONOTONIC, the clock of the stamps' ktime_ns. Never goes back, stands still in suspend.
  [[nodiscard]] virtual std::uint64_t now_ns() const = 0;
  // How long the machine has been suspended, since some instant that stays the same. Read from two
  // clocks: may say too little, never too much. 0 where there is no suspend.
  [[nodiscard]] virtual std::uint64_t suspended_ns() const { return 0; }
};

class MonotonicClock final : public Clock {
 public:
  [[nodiscard]] std::uint64_t now_ns() const override;
  [[nodiscard]] std::uint64_t suspended_ns() const override;
};

}  // namespace hb
