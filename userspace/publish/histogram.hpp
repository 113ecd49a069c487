// Histogram: durations counted by size, as Prometheus has it. A plain struct, so that it can be
// copied into shared memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/units.hpp"

namespace hb {

struct Histogram {
  // The upper bounds, inclusive; what is longer is counted behind the last.
  static constexpr std::array<std::uint64_t, 15> kBounds_ns = {
      100 * kNsPerUs, 250 * kNsPerUs, 500 * kNsPerUs, 1 * kNsPerMs,     2'500 * kNsPerUs,
      5 * kNsPerMs,   10 * kNsPerMs,  25 * kNsPerMs,  50 * kNsPerMs,    100 * kNsPerMs,
      250 * kNsPerMs, 500 * kNsPerMs, kNsPerSecond,   2'500 * kNsPerMs, 10 * kNsPerSecond};

  std::array<std::uint64_t, kBounds_ns.size() + 1> counts{};  // not cumulated
  std::uint64_t sum_ns = 0;

  void add(std::uint64_t ns) {
    const auto bound = std::lower_bound(kBounds_ns.begin(), kBounds_ns.end(), ns);
    ++counts[static_cast<std::size_t>(bound - kBounds_ns.begin())];
    sum_ns += ns;
  }
};

}  // namespace hb
