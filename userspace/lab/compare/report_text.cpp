#include <fmt/format.h>

#include <algorithm>

#include "lab/compare/report.hpp"

namespace hb::compare {
namespace {

constexpr const char* kRed = "\x1b[1;31m";
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kReset = "\x1b[0m";

constexpr std::size_t kNameWidth = 21;
constexpr std::size_t kMinCellWidth = 10;

struct Look {
  bool colour;

  // Padding before colour: escape sequences have no width.
  [[nodiscard]] std::string in(const char* code, const std::string& text) const {
    return colour ? code + text + kReset : text;
  }
};

std::string cell_text(const Cell& cell, std::uint64_t repeats) {
  if (cell.conclusion == Conclusion::Unavailable) return "  -";
  const std::string verdict = name(cell.conclusion);
  if (cell.wrong == 0) return "  " + verdict;
  if (repeats == 1) return "! " + verdict;
  return fmt::format("! {} {}/{}", verdict, cell.wrong, repeats);
}

const char* colour_of(const Cell& cell) {
  if (cell.conclusion == Conclusion::Unavailable) return kDim;
  return cell.wrong == 0 ? kGreen : kRed;
}

std::size_t widest_cell(const Comparison& comparison) {
  std::size_t width = kMinCellWidth;
  for (const Row& row : comparison.rows) {
    for (const Mechanism mechanism : kMechanisms) {
      width = std::max(width, cell_text(row.cells[mechanism], row.repeats).size());
    }
  }
  return width;
}

std::string start_of_line(std::string_view scenario, std::string_view truth) {
  return fmt::format("{:<{}}{:<{}}", scenario, kNameWidth, truth, kNameWidth);
}

std::string header(std::size_t width) {
  std::string line = start_of_line("scenario", "truth");
  for (const Mechanism mechanism : kMechanisms)
    line += fmt::format("  {:<{}}", name(mechanism), width);
  return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string line_of(const Row& row, std::size_t width, const Look& look) {
  std::string line = start_of_line(row.scenario->name, name(row.scenario->truth));
  if (row.repeats == 0) return line + look.in(kDim, "  unavailable: " + row.unavailable) + "\n";
  for (const Mechanism mechanism : kMechanisms) {
    const std::string text = cell_text(row.cells[mechanism], row.repeats);
    line += look.in(colour_of(row.cells[mechanism]), text);
    if (mechanism != kMechanisms.back()) line.append(width + 2 - text.size(), ' ');
  }
  if (!row.note.empty()) line += "\n" + look.in(kDim, start_of_line("", row.note));
  return line + "\n";
}

std::string summary(const Comparison& comparison, const Look& look) {
  const std::size_t compared = comparison.rows.size() - comparison.unavailable();
  std::string line = "wrong (!) in: ";
  for (const Mechanism mechanism : kMechanisms) {
    const std::size_t wrong = comparison.wrong(mechanism);
    const std::string told = comparison.missing[mechanism].empty()
                                 ? fmt::format("{} {} of {}", name(mechanism), wrong, compared)
                                 : fmt::format("{} -", name(mechanism));
    line +=
        look.in(wrong == 0 ? kGreen : kRed, told) + (mechanism == kMechanisms.back() ? "" : ", ");
  }
  if (comparison.unavailable() != 0) {
    line += fmt::format("; {} unavailable", comparison.unavailable());
  }
  return line + "\n";
}

}  // namespace

std::string as_text(const Comparison& comparison, bool colour) {
  const Look look{colour};
  const std::size_t width = widest_cell(comparison);
  std::string text = "Linux " + comparison.kernel + "\n\n" + header(width);
  for (const Row& row : comparison.rows) text += line_of(row, width, look);
  text += "\n" + summary(comparison, look);
  for (const Mechanism mechanism : kMechanisms) {
    if (comparison.missing[mechanism].empty()) continue;
    text +=
        look.in(kDim, fmt::format("{}: {}", name(mechanism), comparison.missing[mechanism])) + "\n";
  }
  return text;
}

std::string told(const Cell& cell, std::uint64_t repeats) {
  if (cell.wrong == 0) return name(cell.conclusion);
  return fmt::format("{}, wrong {} of {}", name(cell.conclusion), cell.wrong, repeats);
}

}  // namespace hb::compare
