// Totals: what was counted in a run, by the names of the metrics without their prefix.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "observer/counters.hpp"

namespace hb {

// One series. Series of one metric follow each other. Both names are literals.
struct Total {
  std::string_view metric;  // "auth_failures_total"
  std::string_view label;   // "pid_mismatch"; empty where the metric has none
  std::uint64_t value;
};

using Totals = std::vector<Total>;

[[nodiscard]] Totals totals_of(const Counters& counters);

}  // namespace hb
