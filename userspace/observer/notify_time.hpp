// Times that agents of the notify protocol choose, as thresholds. There can be only so many
// different thresholds at once (Thresholds::kMost), so these are rounded up to one of few: 1, 1.5,
// 2, 3, 4.5, 6 or 9 times a power of ten of milliseconds. The usual ones (2, 3, 10, 15, 20, 30, 45,
// 60, 90 s) remain what they are; no other gets longer by half or more.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/units.hpp"

namespace hb {

// Bounds of the thresholds that agents of the notify protocol may choose, and of the time that they
// may ask for.
struct NotifyTimes {
  std::uint64_t least_ns = 2 * kNsPerSecond;
  std::uint64_t most_ns = 3600 * kNsPerSecond;
};

// In least_ns..most_ns.
[[nodiscard]] constexpr std::uint64_t round_up_threshold_ns(std::uint64_t wanted_ns,
                                                            std::uint64_t least_ns,
                                                            std::uint64_t most_ns) {
  constexpr std::array<std::uint64_t, 7> kTenths{10, 15, 20, 30, 45, 60, 90};
  if (wanted_ns <= least_ns) return least_ns;
  for (std::uint64_t decade_ns = kNsPerMs / 10; decade_ns < most_ns; decade_ns *= 10) {
    for (const std::uint64_t tenths : kTenths) {
      if (tenths * decade_ns >= wanted_ns) return std::min(tenths * decade_ns, most_ns);
    }
  }
  return most_ns;
}

}  // namespace hb
