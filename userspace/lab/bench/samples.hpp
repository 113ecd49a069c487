// What was measured round by round, and what can be said of it. Pure.
//
// A single reading says little on a machine that does other things too: what is compared is
// measured in turns (A B A B ...), and what is told is the median with its spread. A ratio is taken
// within each round, where both sides met the same machine, and the median of those is told.
#pragma once

#include <optional>
#include <vector>

namespace hb::bench {

using Samples = std::vector<double>;

// The sample below or at which this share of all lies (nearest rank); nothing of no samples.
// `share` is 0..1: 0 is the smallest, 1 the greatest.
[[nodiscard]] std::optional<double> quantile(const Samples& samples, double share);

// The middle one; between two, their mean.
[[nodiscard]] std::optional<double> median(const Samples& samples);

// Round by round, as many as both have. A round whose divisor is 0 says nothing and is left out.
[[nodiscard]] Samples ratios(const Samples& dividends, const Samples& divisors);

}  // namespace hb::bench
