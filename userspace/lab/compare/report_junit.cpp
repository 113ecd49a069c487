#include <fmt/format.h>

#include "lab/compare/report.hpp"

namespace hb::compare {
namespace {

// XML 1.0 cannot represent most control characters.
std::string escaped(std::string_view text) {
  std::string xml;
  for (const char c : text) {
    switch (c) {
      case '&': xml += "&amp;"; break;
      case '<': xml += "&lt;"; break;
      case '>': xml += "&gt;"; break;
      case '"': xml += "&quot;"; break;
      default: xml += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return xml;
}

std::string output_of(const Row& row) {
  std::string out = fmt::format("truth: {}\n", name(row.scenario->truth));
  for (const Mechanism mechanism : kMechanisms) {
    out += fmt::format("{}: {}\n", name(mechanism), told(row.cells[mechanism], row.repeats));
  }
  if (!row.note.empty()) out += "note: " + escaped(row.note) + "\n";
  return "      <system-out>" + out + "</system-out>\n";
}

std::string result_of(const Row& row) {
  if (row.repeats == 0) {
    return fmt::format("      <skipped message=\"{}\"/>\n", escaped(row.unavailable));
  }
  const Cell& kernel = row.cells[Mechanism::Kernel];
  if (kernel.wrong == 0) return output_of(row);
  return fmt::format("      <failure message=\"kernel: {}; truth: {}\"/>\n",
                     told(kernel, row.repeats), name(row.scenario->truth)) +
         output_of(row);
}

std::string test_of(const Row& row) {
  return fmt::format("    <testcase classname=\"compare\" name=\"{}\">\n", row.scenario->name) +
         result_of(row) + "    </testcase>\n";
}

}  // namespace

std::string as_junit(const Comparison& comparison) {
  const std::string counts = fmt::format(
      "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\"", comparison.rows.size(),
      comparison.wrong(Mechanism::Kernel), comparison.unavailable());
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  xml += fmt::format("  <testsuite name=\"compare on Linux {}\" {}>\n", escaped(comparison.kernel),
                     counts);
  for (const Row& row : comparison.rows) xml += test_of(row);
  return xml + "  </testsuite>\n</testsuites>\n";
}

}  // namespace hb::compare
