// Metric: what a counter counts, in words. Each is described once, as a constant beside its
// counter: the last line of the event stream, notices of losses, documents and exporters take their
// words from there.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/enum_values.hpp"

namespace hb {

// One value of a metric's label.
struct LabelValue {
  std::string_view name;       // "ring_full"
  std::string_view lost = {};  // what each count is a loss of; empty: of nothing
};

struct Metric {
  std::string_view name;                    // without the prefix "hb_": "frames_dropped_total"
  std::string_view unit;                    // what one of them is, in the plural: "frames"
  std::string_view help;                    // what is counted: a phrase without a full stop
  std::string_view label = {};              // "reason"; empty: the metric is one number
  std::span<const LabelValue> values = {};  // every value of the label
  std::string_view loss = {};  // each count is a loss of this name: see report/loss.hpp
};

// The values of a label that stands for an enum: its names, and what is lost where the enum has a
// what_is_lost() beside its name().
template <typename Enum>
consteval auto list_label_values() {
  std::array<LabelValue, kEnumValues<Enum>.size()> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Enum value = kEnumValues<Enum>[i];
    values[i].name = name(value);
    if constexpr (requires { what_is_lost(value); }) values[i].lost = what_is_lost(value);
  }
  return values;
}

template <typename Enum>
inline constexpr auto kLabelValues = list_label_values<Enum>();

}  // namespace hb
