// Whether a JSON text is small enough in its parts to be parsed. Looks at it once, and allocates
// nothing.
#pragma once

#include <cstddef>
#include <string_view>

namespace hb::status {

struct JsonBounds {
  std::size_t depth;   // of arrays and objects in each other; at most kDeepestBound
  std::size_t fields;  // of one object
};

inline constexpr std::size_t kDeepestBound = 64;

// Of a text that is no JSON, what a parser builds before it finds that out is within them too.
[[nodiscard]] bool is_within(std::string_view text, JsonBounds bounds);

}  // namespace hb::status
