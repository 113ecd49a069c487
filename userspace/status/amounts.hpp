// Numbers in a few columns. "-" stands for what is not known.
#pragma once

#include <optional>
#include <string>

#include "status/document.hpp"

namespace hb::status {

// At most six columns: "0ms", "999ms", "12.3s", "12m34s", "12h34m", "12d03h", "999d".
[[nodiscard]] std::string duration_text(Number ns);

// At most six columns: "99999", "123k", "1234M".
[[nodiscard]] std::string count_text(Number count);

// At most six columns: "0.5", "1000.0", "12345".
[[nodiscard]] std::string rate_text(std::optional<double> per_second);

[[nodiscard]] std::string or_dash(const Text& text);

}  // namespace hb::status
