// Sums and products that do not overflow: the largest value stands for "never".
#pragma once

#include <cstdint>
#include <limits>

namespace hb {

[[nodiscard]] constexpr std::uint64_t saturating_add(std::uint64_t one, std::uint64_t other) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();
  return one > kLargest - other ? kLargest : one + other;
}

// `factor` is not 0.
[[nodiscard]] constexpr std::uint64_t saturating_multiply(std::uint64_t one, std::uint64_t factor) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();
  return one > kLargest / factor ? kLargest : one * factor;
}

}  // namespace hb
