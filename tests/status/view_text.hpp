// The lines of a TopView, without their looks and the blanks at their ends.
#pragma once

#include <string>
#include <vector>

#include "status/top_view.hpp"

namespace hb::test {

inline std::string text_of(const status::ScreenLine& line) {
  std::string text;
  for (const auto& span : line) text += span.text;
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

inline std::vector<std::string> text_of(const status::TopView& view) {
  std::vector<std::string> lines;
  for (const auto& line : view.lines()) lines.push_back(text_of(line));
  return lines;
}

// The line that has `part`, or nothing.
inline std::string line_with(const status::TopView& view, const std::string& part) {
  for (const auto& line : text_of(view)) {
    if (line.find(part) != std::string::npos) return line;
  }
  return "";
}

// How the text looks in that view; Plain as well if it is not there.
inline status::Look look_of(const status::TopView& view, const std::string& part) {
  for (const auto& line : view.lines()) {
    for (const auto& span : line) {
      if (span.text.find(part) != std::string::npos) return span.look;
    }
  }
  return status::Look::Plain;
}

}  // namespace hb::test
