// A line of a screen, without a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hb::status {

struct Size {
  std::size_t rows = 0;
  std::size_t columns = 0;
};

enum class Look : std::uint8_t { Plain, Bold, Dim, Heading, Good, Warning, Bad };

struct Span {
  std::string text;
  Look look = Look::Plain;
};

using ScreenLine = std::vector<Span>;

[[nodiscard]] inline std::size_t width_of(const ScreenLine& line) {
  std::size_t width = 0;
  for (const Span& span : line) width += span.text.size();
  return width;
}

}  // namespace hb::status
