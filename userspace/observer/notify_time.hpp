// Times that agents of the notify protocol choose, as thresholds. There can be only so many
// different thresholds at once (Thresholds::kMost), so these are rounded up to one of few, whoever
// chooses them: nobody can take the thresholds of policies, nor make those of others longer.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/units.hpp"

namespace hb {

// Bounds of the thresholds that agents of the notify protocol may choose, and of the time that they
// may ask for.
struct NotifyTimes {
  std::uint64_t least_ns = 2 * kNsPerSecond;
  std::uint64_t most_ns = 3600 * kNsPerSecond;
};

inline constexpr std::array<std::uint64_t, 20> kNotifyThresholds_ms{
    100,    200,    500,    1'000,  2'000,   3'000,   5'000,   10'000,  15'000,    20'000,
    30'000, 45'000, 60'000, 90'000, 120'000, 180'000, 300'000, 600'000, 1'800'000, 3'600'000};

// How many thresholds there can be beside the default and those of the configuration: these and
// NotifyTimes::most_ns. (NotifyTimes::least_ns is one of the configuration's.)
inline constexpr std::size_t kMostNotifyThresholds = kNotifyThresholds_ms.size() + 1;

// An agent that is not watched is looked at so often: whether its process is there.
inline constexpr std::uint64_t kUnwatchedCheck_ns = 60 * kNsPerSecond;

// In least_ns..most_ns.
[[nodiscard]] constexpr std::uint64_t round_up_threshold_ns(std::uint64_t wanted_ns,
                                                            const NotifyTimes& times) {
  if (wanted_ns <= times.least_ns) return times.least_ns;
  for (const std::uint64_t rung_ms : kNotifyThresholds_ms) {
    if (rung_ms * kNsPerMs >= wanted_ns) return std::min(rung_ms * kNsPerMs, times.most_ns);
  }
  return times.most_ns;
}

}  // namespace hb
