#include "publish/exposition.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"

namespace hb {
namespace {

constexpr std::string_view kTotal = "_total";
constexpr std::string_view kOpenMetrics = "application/openmetrics-text";

std::string_view unit_in(std::string_view name) {
  for (const std::string_view unit : {"seconds", "bytes"}) {
    if (name.ends_with(unit)) return unit;
  }
  return {};
}

// In help only backslashes and line ends, in labels quotes too. OpenMetrics has quotes in both.
std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
  return out;
}

const char* word(Exposition::Type type) {
  switch (type) {
    case Exposition::Type::Counter: return "counter";
    case Exposition::Type::Gauge: return "gauge";
    case Exposition::Type::Histogram: return "histogram";
  }
  return "unknown";
}

// What is before the next separator, without blanks, which is taken off with it.
std::string_view take_part(std::string_view& rest, char separator) {
  std::string_view part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  const auto first = part.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return part.substr(first, part.find_last_not_of(" \t") - first + 1);
}

// "q=0", "q=0.0": a weight of zero means "not acceptable" (RFC 9110, 12.4.2).
bool is_zero_weight(std::string_view parameter) {
  return (parameter.starts_with("q=0") || parameter.starts_with("Q=0")) &&
         parameter.find_first_not_of("0.", 2) == std::string_view::npos;
}

bool accepts_open_metrics(std::string_view range) {
  if (take_part(range, ';') != kOpenMetrics) return false;
  while (!range.empty()) {
    if (is_zero_weight(take_part(range, ';'))) return false;
  }
  return true;
}

std::string seconds(std::uint64_t ns) {
  return fmt::format("{}", static_cast<double>(ns) / static_cast<double>(kNsPerSecond));
}

}  // namespace

void Exposition::family(std::string_view name, Type type, std::string_view help) {
  family_ = name;
  if (format_ == Format::OpenMetrics && name.ends_with(kTotal)) name.remove_suffix(kTotal.size());
  const bool is_open = format_ == Format::OpenMetrics;
  text_ +=
      fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(help, is_open), name, word(type));
  if (is_open && !unit_in(name).empty())
    text_ += fmt::format("# UNIT {} {}\n", name, unit_in(name));
}

void Exposition::sample(Labels labels, std::uint64_t value) {
  line("", labels, std::to_string(value));
}

void Exposition::sample(Labels labels, double value) { line("", labels, fmt::format("{}", value)); }

void Exposition::histogram(const Histogram& histogram) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < Histogram::kBounds_ns.size(); ++i) {
    count += histogram.counts[i];
    line("_bucket", {{"le", seconds(Histogram::kBounds_ns[i])}}, std::to_string(count));
  }
  count += histogram.counts.back();
  line("_bucket", {{"le", "+Inf"}}, std::to_string(count));
  line("_sum", {}, seconds(histogram.sum_ns));
  line("_count", {}, std::to_string(count));
}

void Exposition::line(std::string_view suffix, Labels labels, std::string_view value) {
  text_ += family_;
  text_ += suffix;
  char before = '{';
  for (const auto& [name, text] : labels) {
    text_ += before;
    text_ += fmt::format("{}=\"{}\"", name, escaped(text, true));
    before = ',';
  }
  if (labels.size() > 0) text_ += '}';
  text_ += ' ';
  text_ += value;
  text_ += '\n';
}

std::string Exposition::finish() {
  if (format_ == Format::OpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

const char* Exposition::media_type(Format format) {
  switch (format) {
    case Format::Text: return "text/plain; version=0.0.4; charset=utf-8";
    case Format::OpenMetrics: return "application/openmetrics-text; version=1.0.0; charset=utf-8";
  }
  return "text/plain";
}

// Whichever of the two is preferred: that OpenMetrics is understood is enough.
Exposition::Format Exposition::asked_for(std::string_view accept) {
  while (!accept.empty()) {
    const std::string_view range = take_part(accept, ',');
    if (accepts_open_metrics(range)) return Format::OpenMetrics;
  }
  return Format::Text;
}

}  // namespace hb
