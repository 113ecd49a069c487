#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/bench/report.hpp"

namespace hb::bench {
namespace {

constexpr const char* kRed = "\x1b[1;31m";
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kReset = "\x1b[0m";

struct Look {
  bool colour;

  // Padding before colour: escape sequences have no width.
  [[nodiscard]] std::string in(const char* code, const std::string& text) const {
    return colour ? code + text + kReset : text;
  }
};

// Four significant digits.
std::string figure(double number) {
  if (number == 0) return "0";
  const double magnitude = std::floor(std::log10(std::abs(number)));
  return fmt::format("{:.{}f}", number, static_cast<int>(std::clamp(3 - magnitude, 0.0, 4.0)));
}

std::string figure(const std::optional<double>& number) { return number ? figure(*number) : "-"; }

std::string host_line(const Host& host) {
  return fmt::format("Linux {}, {} x {}; hb-ebpf {} ({}), {}\n", host.kernel, host.cores,
                     host.cpu.empty() ? "CPU" : host.cpu, host.version, host.revision, host.date);
}

std::string line_of(const Row& row, std::size_t width, const Look& look) {
  std::string line =
      fmt::format("{:<{}} {:>10} {:<12}", row.name, width, figure(median(row.samples)), row.unit);
  std::string rest =
      fmt::format(" {} .. {}", figure(quantile(row.samples, 0)), figure(quantile(row.samples, 1)));
  if (row.tail) line += fmt::format(" p99 {}", figure(quantile(row.samples, 0.99)));
  rest += fmt::format(", {} samples", row.samples.size());
  if (!row.note.empty()) rest += "; " + row.note;
  return line + look.in(kDim, rest) + "\n";
}

template <typename All, typename Name>
std::size_t widest(const All& all, Name name) {
  std::size_t width = 0;
  for (const auto& one : all) width = std::max(width, name(one).size());
  return width;
}

std::string rows_of(const Findings& findings, const Look& look) {
  const std::size_t width = widest(findings.rows(), [](const Row& row) { return row.name; });
  std::string text;
  std::string last_group;
  for (const Row& row : findings.rows()) {
    const std::string group = row.name.substr(0, row.name.find('/'));
    if (group != last_group) text += "\n";
    last_group = group;
    text += line_of(row, width, look);
  }
  return text;
}

std::string verdict_of(const Judged& judged, const Look& look) {
  if (!judged.value) return look.in(kDim, "not measured");
  return judged.is_met() ? look.in(kGreen, "met") : look.in(kRed, "missed");
}

std::string targets_of(const std::vector<Judged>& targets, const Look& look) {
  const std::size_t width = widest(targets, [](const Judged& one) { return one.target.name; });
  std::string text =
      fmt::format("\n{:<{}} {:>8}    {:>6} {:>6}\n", "target", width, "value", "bar", "wish");
  for (const Judged& judged : targets) {
    const Target& target = judged.target;
    text += fmt::format(
        "{:<{}} {:>8} {} {:>6} {:>6}  {}\n", target.name, width, figure(judged.value),
        target.direction == Direction::AtMost ? "<=" : ">=", fmt::format("{:g}", target.bar),
        target.wish ? fmt::format("{:g}", *target.wish) : "", verdict_of(judged, look));
  }
  return text;
}

std::string reasons(const char* what, const std::vector<Missing>& all) {
  std::string text;
  for (const Missing& one : all) text += fmt::format("{} {}: {}\n", what, one.name, one.why);
  return text.empty() ? text : "\n" + text;
}

}  // namespace

std::string as_text(const Report& report, bool colour) {
  const Look look{colour};
  return host_line(report.host) + rows_of(report.findings, look) +
         targets_of(report.targets, look) + reasons("not measured:", report.findings.missing()) +
         reasons("FAILED:", report.findings.failures());
}

}  // namespace hb::bench
