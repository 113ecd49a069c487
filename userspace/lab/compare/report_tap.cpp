#include <fmt/format.h>

#include <algorithm>

#include "lab/compare/report.hpp"

namespace hb::compare {
namespace {

// A test point is one line, and '#' would begin a directive.
std::string plain(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '#' || c == '\n' || c == '\r'; }, ' ');
  return text;
}

// YAML in single quotes, in which only they are special.
std::string quoted(const std::string& text) {
  std::string escaped;
  for (const char c : plain(text)) escaped += c == '\'' ? std::string("''") : std::string(1, c);
  return "'" + escaped + "'";
}

std::string details(const Row& row) {
  std::string yaml = fmt::format("  ---\n  truth: {}\n", name(row.scenario->truth));
  yaml += fmt::format("  repeats: {}\n", row.repeats);
  for (const Mechanism mechanism : kMechanisms) {
    yaml +=
        fmt::format("  {}: {}\n", name(mechanism), quoted(told(row.cells[mechanism], row.repeats)));
  }
  if (!row.note.empty()) yaml += fmt::format("  note: {}\n", quoted(row.note));
  return yaml + "  ...\n";
}

std::string point(const Row& row, std::size_t number) {
  if (row.repeats == 0) {
    return fmt::format("ok {} - {} # SKIP {}\n", number, row.scenario->name,
                       plain(row.unavailable));
  }
  const bool right = row.cells[Mechanism::Kernel].wrong == 0;
  return fmt::format("{} {} - {}\n", right ? "ok" : "not ok", number, row.scenario->name) +
         details(row);
}

}  // namespace

std::string as_tap(const Comparison& comparison) {
  std::string tap = fmt::format("TAP version 13\n1..{}\n", comparison.rows.size());
  std::size_t number = 0;
  for (const Row& row : comparison.rows) tap += point(row, ++number);
  return tap + fmt::format("# Linux {}\n", plain(comparison.kernel));
}

}  // namespace hb::compare
