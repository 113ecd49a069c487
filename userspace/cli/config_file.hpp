// The file that --config reads.
//
//   # a comment
//   threshold-ms = 500                  # another one
//   strict-namespace-check = true
//   recovery-env = A=1
//   recovery-env = B=2
//   export-file = "/srv/a # b.tsv"
//
// One `key=value` a line; the key is a flag without its dashes. A repeatable flag may have several
// lines. A flag without a value takes `true` or `false`. Blanks around key and value are ignored. A
// `#` that begins a line, or follows a blank in a value, begins a comment.
//
// Quotes, ' or ", that begin a word of the value or follow a `=` keep a `#`. If they enclose the
// whole value they are taken off, and within " then \" is " and \\ is \. Other quotes remain: a
// command has words of its own. Lines end with LF or CRLF. A byte order mark is skipped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hb::cli {

inline constexpr std::size_t kMaxConfigLine_bytes = std::size_t{64} << 10;
inline constexpr std::size_t kMaxConfigSettings = 1024;  // CLI11's time grows with their square

struct ConfigLine {
  std::size_t number;  // counted from 1
  std::string key;
  std::string value;
};

// The Error begins with "PATH:LINE: ". `path` is for that alone.
[[nodiscard]] Result<std::vector<ConfigLine>> parse_config(const std::string& path,
                                                           std::string_view text);

// The text as an error shows it: at most its first 64 bytes.
[[nodiscard]] std::string shortened(std::string_view text);

}  // namespace hb::cli
