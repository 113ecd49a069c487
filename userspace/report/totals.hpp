// Totals: the values of all counters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/metric.hpp"
#include "observer/counters.hpp"

namespace hb {

// One value. Those of one metric follow each other.
struct Total {
  const Metric* metric;
  const LabelValue* label;  // one of metric->values; nullptr where the metric has no label
  std::uint64_t value;
};

using Totals = std::vector<Total>;

inline void append(Totals& totals, const Metric& metric, std::uint64_t value) {
  totals.push_back({&metric, nullptr, value});
}

template <typename Enum>
void append(Totals& totals, const Metric& metric, const CountBy<Enum>& counters) {
  counters.for_each([&](Enum value, std::uint64_t count) {
    totals.push_back({&metric, &kLabelValues<Enum>[static_cast<std::size_t>(value)], count});
  });
}

// A Total refers to its metric, which must not be a temporary.
void append(Totals& totals, const Metric&& metric, auto value) = delete;

void append_totals(Totals& totals, const Counters& counters);

// Those that are not 0: "beats_total=11 frames_dropped_total.ring_full=1".
[[nodiscard]] std::string in_words(const Totals& totals);

}  // namespace hb
