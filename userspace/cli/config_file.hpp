// The file that --config reads.
//
//   # a comment
//   threshold-ms = 500
//   strict-namespace-check = true
//   recovery-env = A=1
//   recovery-env = B=2
//
// One `key=value` a line; the key is a flag without its dashes. A repeatable flag may have several
// lines. A flag without a value takes `true` or `false`. Spaces around key and value are ignored;
// there is no quoting or escaping, and a `#` within a value is part of it. Lines end with LF or
// CRLF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hb::cli {

struct ConfigLine {
  std::size_t number;  // counted from 1
  std::string key;
  std::string value;
};

// The Error begins with "PATH:LINE: ". `path` is for that alone.
[[nodiscard]] Result<std::vector<ConfigLine>> parse_config(const std::string& path,
                                                           std::string_view text);

}  // namespace hb::cli
