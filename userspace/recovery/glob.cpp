#include "recovery/glob.hpp"

#include <vector>

namespace hb {
namespace {

// For each beginning of `b`, whether one text is matched by it and by all of the pattern so far.
using Row = std::vector<bool>;

bool is_star(char c) { return c == '*'; }
bool meet(char a, char b) { return a == b || a == '?' || b == '?'; }

// With no character of `a` yet: only stars of `b` match nothing.
Row first_row(std::string_view b) {
  Row row(b.size() + 1, false);
  row[0] = true;
  for (std::size_t i = 0; i < b.size() && is_star(b[i]); ++i) row[i + 1] = true;
  return row;
}

// After one more character of the first pattern.
Row next_row(const Row& before, char a, std::string_view b) {
  Row row(b.size() + 1, false);
  row[0] = is_star(a) && before[0];
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (is_star(a) || is_star(b[i])) {
      row[i + 1] = before[i + 1] || row[i];
      if (is_star(a) && is_star(b[i])) row[i + 1] = row[i + 1] || before[i];
    } else {
      row[i + 1] = before[i] && meet(a, b[i]);
    }
  }
  return row;
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
  Row row = first_row(other.pattern_);
  for (const char c : pattern_) row = next_row(row, c, other.pattern_);
  return row.back();
}

}  // namespace hb
