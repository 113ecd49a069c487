#include "recovery/printable.hpp"

#include <algorithm>

namespace hb {
namespace {

constexpr char kFirst = ' ';
constexpr char kLast = '~';

char printable(char c) { return c == '\t' ? ' ' : c >= kFirst && c <= kLast ? c : '?'; }

}  // namespace

std::vector<std::string> printable_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    std::transform(line.begin(), line.end(), line.begin(), printable);
    if (!line.empty()) lines.push_back(std::move(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace hb
