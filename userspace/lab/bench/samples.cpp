#include "lab/bench/samples.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace hb::bench {

std::optional<double> quantile(const Samples& samples, double share) {
  if (samples.empty()) return std::nullopt;
  Samples sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  const double rank = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(sorted.size()));
  return sorted[rank < 1 ? 0 : static_cast<std::size_t>(rank) - 1];
}

std::optional<double> median(const Samples& samples) {
  if (samples.empty()) return std::nullopt;
  Samples sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t middle = sorted.size() / 2;
  if (sorted.size() % 2 == 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

Samples ratios(const Samples& dividends, const Samples& divisors) {
  Samples ratios;
  for (std::size_t i = 0; i < std::min(dividends.size(), divisors.size()); ++i) {
    if (divisors[i] != 0) ratios.push_back(dividends[i] / divisors[i]);
  }
  return ratios;
}

}  // namespace hb::bench
