// Statistics of samples. Pure.
//
// Values that are compared are measured alternately (A B A B ...), and reported as median, minimum
// and maximum. A ratio is computed for each round, as the load of the machine may change between
// rounds, and the median of these ratios is reported.
#pragma once

#include <optional>
#include <vector>

namespace hb::bench {

using Samples = std::vector<double>;

// The sample below or at which this share of all lies (nearest rank); nothing of no samples.
// `share` is 0..1: 0 is the smallest, 1 the greatest.
[[nodiscard]] std::optional<double> quantile(const Samples& samples, double share);

// The middle one, or the mean of the middle two.
[[nodiscard]] std::optional<double> median(const Samples& samples);

// The ratio of each round that both have; rounds with a divisor of 0 are left out.
[[nodiscard]] Samples ratios(const Samples& dividends, const Samples& divisors);

}  // namespace hb::bench
