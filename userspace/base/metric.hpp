// Metric: the description of a counter, a constant beside the counter. The last line of the event
// stream, loss notices, documents and exporters use it.
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
  std::string_view lost = {};  // what is lost at each count; empty: nothing
};

struct Metric {
  std::string_view name;                    // without the prefix "hb_": "frames_dropped_total"
  std::string_view unit;                    // what one of them is, in the plural: "frames"
  std::string_view help;                    // what is counted: a phrase without a full stop
  std::string_view label = {};              // "reason"; empty: the metric is one number
  std::span<const LabelValue> values = {};  // every value of the label
  std::string_view loss = {};  // each count is a loss with this reason, see report/loss.hpp
};

// The values of a label that stands for an enum, with what_is_lost() where the enum has that
// function.
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
