#include "recovery/printable.hpp"

#include <algorithm>

namespace hb {
namespace {

constexpr char kFirst = ' ';
constexpr char kLast = '~';

char shown_as(char c) { return c == '\t' ? ' ' : c >= kFirst && c <= kLast ? c : '?'; }

}  // namespace

std::string printable(std::string_view text) {
  std::string shown(text);
  std::transform(shown.begin(), shown.end(), shown.begin(), shown_as);
  return shown;
}

std::vector<std::string> printable_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string line = printable(text.substr(0, end));
    if (!line.empty()) lines.push_back(std::move(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace hb
