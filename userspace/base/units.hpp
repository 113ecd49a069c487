// Units of time. Durations and instants are nanoseconds, and flags are milliseconds.
#pragma once

#include <cstdint>

namespace hb {

inline constexpr std::uint64_t kNsPerUs = 1'000;
inline constexpr std::uint64_t kNsPerMs = 1'000'000;
inline constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::uint64_t kUsPerMs = 1'000;
inline constexpr std::uint64_t kMsPerDay = 86'400'000;

}  // namespace hb
