#include "status/amounts.hpp"

#include <fmt/format.h>

#include "base/units.hpp"

namespace hb::status {
namespace {

constexpr const char* kUnknown = "-";
constexpr std::uint64_t kMinute_s = 60;
constexpr std::uint64_t kHour_s = 60 * kMinute_s;
constexpr std::uint64_t kDay_s = 24 * kHour_s;

}  // namespace

std::string duration_text(Number ns) {
  if (!ns) return kUnknown;
  const std::uint64_t ms = *ns / kNsPerMs;
  const std::uint64_t s = *ns / kNsPerSecond;
  if (s < 1) return fmt::format("{}ms", ms);
  if (s < 100) return fmt::format("{}.{}s", s, ms % 1000 / 100);
  if (s < 100 * kMinute_s) return fmt::format("{}m{:02}s", s / kMinute_s, s % kMinute_s);
  if (s < 100 * kHour_s) return fmt::format("{}h{:02}m", s / kHour_s, s % kHour_s / kMinute_s);
  if (s < 100 * kDay_s) return fmt::format("{}d{:02}h", s / kDay_s, s % kDay_s / kHour_s);
  return fmt::format("{}d", s / kDay_s);  // the largest is 213503d
}

std::string count_text(Number count) {
  if (!count) return kUnknown;
  std::uint64_t value = *count;
  if (value <= 99'999) return std::to_string(value);
  for (const char unit : {'k', 'M', 'G', 'T', 'P'}) {
    value /= 1000;
    if (value <= 99'999) return std::to_string(value) + unit;
  }
  return std::to_string(value);
}

std::string rate_text(std::optional<double> per_second) {
  if (!per_second) return kUnknown;
  if (*per_second < 9999.9) return fmt::format("{:.1f}", *per_second);
  if (*per_second < 999'999) return fmt::format("{:.0f}", *per_second);
  return count_text(static_cast<std::uint64_t>(*per_second));
}

std::string or_dash(const Text& text) { return text ? *text : kUnknown; }

}  // namespace hb::status
