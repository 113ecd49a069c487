#include "status/json_bounds.hpp"

#include <algorithm>
#include <array>

namespace hb::status {
namespace {

// Behind the string that opens at `at`.
std::size_t behind_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

}  // namespace

bool is_within(std::string_view text, JsonBounds bounds) {
  const std::size_t deepest = std::min(bounds.depth, kDeepestBound);
  std::array<std::size_t, kDeepestBound + 1> fields{};  // by depth
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    at = c == '"' ? behind_string(text, at) : at + 1;
    if (c == '{' || c == '[') {
      if (depth == deepest) return false;
      fields[++depth] = 0;
    }
    if ((c == '}' || c == ']') && depth > 0) --depth;
    if (c == ':' && ++fields[depth] > bounds.fields) return false;
  }
  return true;
}

}  // namespace hb::status
