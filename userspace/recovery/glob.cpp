#include "recovery/glob.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace hb {
namespace {

// For each beginning of `b`, whether one text is matched by it and by all of the pattern so far.
using Row = std::vector<char>;

bool is_star(char c) { return c == '*'; }
bool meet(char a, char b) { return a == b || a == '?' || b == '?'; }

// With no character of `a` yet: only stars of `b` match nothing.
void first_row(Row& row, std::string_view b) {
  std::fill(row.begin(), row.end(), 0);
  row[0] = 1;
  for (std::size_t i = 0; i < b.size() && is_star(b[i]); ++i) row[i + 1] = 1;
}

// After one more character of the first pattern.
void next_row(const Row& before, Row& row, char a, std::string_view b) {
  row[0] = static_cast<char>(is_star(a) && before[0] != 0);
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (is_star(a) || is_star(b[i])) {
      row[i + 1] = static_cast<char>(before[i + 1] | row[i]);
      if (is_star(a) && is_star(b[i])) row[i + 1] = static_cast<char>(row[i + 1] | before[i]);
    } else {
      row[i + 1] = static_cast<char>(before[i] != 0 && meet(a, b[i]));
    }
  }
}

std::size_t length_without_star(std::string_view pattern) {
  return std::min(pattern.find('*'), pattern.size());
}

// Most patterns of a file differ before their first star.
bool begin_differently(std::string_view a, std::string_view b) {
  const std::size_t length = std::min(length_without_star(a), length_without_star(b));
  return !std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(length), b.begin(), meet);
}

}  // namespace

// As fnmatch(3) without its classes, in linear memory and with no backtracking.
bool Glob::matches(std::string_view text) const {
  std::size_t at = 0;
  std::size_t in_text = 0;
  std::size_t star = std::string::npos;
  std::size_t resumed_at = 0;
  while (in_text < text.size()) {
    const bool has_more = at < pattern_.size();
    if (has_more && is_star(pattern_[at])) {
      star = at++;
      resumed_at = in_text;
    } else if (has_more && (pattern_[at] == '?' || pattern_[at] == text[in_text])) {
      ++at;
      ++in_text;
    } else if (star != std::string::npos) {
      at = star + 1;
      in_text = ++resumed_at;
    } else {
      return false;
    }
  }
  return pattern_.find_first_not_of('*', at) == std::string::npos;
}

bool Glob::overlaps(const Glob& other) const {
  if (begin_differently(pattern_, other.pattern_)) return false;
  Row before(other.pattern_.size() + 1);
  Row row(before.size());
  first_row(before, other.pattern_);
  for (const char c : pattern_) {
    next_row(before, row, c, other.pattern_);
    before.swap(row);
  }
  return before.back() != 0;
}

}  // namespace hb
