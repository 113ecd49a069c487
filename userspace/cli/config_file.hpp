// A file of flags: what --config reads.
//
//   # a comment
//   threshold-ms = 500
//   strict-namespace-check = true
//   recovery-env = A=1
//   recovery-env = B=2
//
// One `key=value` a line; the key is a flag without its dashes, and what a flag may be given twice
// for may have two lines. A flag without a value takes `true` or `false`. Spaces around key and
// value do not count; nothing is quoted, nothing escaped, and a `#` within a value is part of it.
// Lines end with LF or CRLF.
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

inline constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;

// The text of a regular file of at most kMaxConfigBytes. As it may say what root will run, root
// takes only what nobody but root can have written. The Error names file and remedy.
[[nodiscard]] Result<std::string> read_config(const std::string& path);

// The Error begins with "PATH:LINE: ". `path` is for that alone.
[[nodiscard]] Result<std::vector<ConfigLine>> parse_config(const std::string& path,
                                                           std::string_view text);

}  // namespace hb::cli
