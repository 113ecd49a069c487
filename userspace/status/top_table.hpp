// The rows of the two tables of `hb-ebpf top`, for a width of the screen. Columns whose text can be
// of any length share what the others leave; text that does not fit is cut, with a ~.
#pragma once

#include <cstddef>
#include <string>

#include "status/agent_list.hpp"
#include "status/document.hpp"
#include "status/screen_line.hpp"

namespace hb::status {

[[nodiscard]] ScreenLine service_heading(std::size_t columns);
[[nodiscard]] ScreenLine service_row(const ServiceLine& service, std::size_t columns);

[[nodiscard]] ScreenLine agent_heading(std::size_t columns);
[[nodiscard]] ScreenLine agent_row(const RatedAgent& rated, std::size_t columns);

// In exactly `width` columns. tail() keeps the end, which says most in a path.
[[nodiscard]] std::string left(const std::string& text, std::size_t width);
[[nodiscard]] std::string right(const std::string& text, std::size_t width);
[[nodiscard]] std::string tail(const std::string& text, std::size_t width);

}  // namespace hb::status
