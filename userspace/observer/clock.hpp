// Interface of the clock, so that tests can set the time.
#pragma once

#include <cstdint>

namespace hb {

class Clock {
 public:
  virtual ~Clock() = default;
  // CLOCK_MONOTONIC, the clock of the stamps' ktime_ns. Does not advance while suspended.
  [[nodiscard]] virtual std::uint64_t now_ns() const = 0;
  // How long the machine has been suspended: CLOCK_BOOTTIME - CLOCK_MONOTONIC. As the two are read
  // one after the other, the result may be too small, but is never too large.
  [[nodiscard]] virtual std::uint64_t suspended_ns() const { return 0; }
};

class MonotonicClock final : public Clock {
 public:
  [[nodiscard]] std::uint64_t now_ns() const override;
  [[nodiscard]] std::uint64_t suspended_ns() const override;
};

// The time of day, CLOCK_REALTIME since 1970: for people and files, not for decisions.
[[nodiscard]] std::uint64_t unix_ns();

}  // namespace hb
