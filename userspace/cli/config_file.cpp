#include "cli/config_file.hpp"

#include <algorithm>
#include <cerrno>

namespace hb::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Removes the first line from `text` and returns it without its line end.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Error at(const std::string& path, std::size_t number, const std::string& what) {
  return Error{path + ":" + std::to_string(number) + ": " + what, EINVAL};
}

}  // namespace

Result<std::vector<ConfigLine>> parse_config(const std::string& path, std::string_view text) {
  std::vector<ConfigLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = trimmed(take_line(text));
    if (line.find('\0') != std::string_view::npos) {
      return at(path, number, "zero byte: not a text file");
    }
    if (line.empty() || line.front() == '#') continue;
    const auto equals = line.find('=');
    const std::string key(trimmed(line.substr(0, equals)));
    if (equals == std::string_view::npos || key.empty()) {
      return at(path, number, "'" + std::string(line) + "' is not key=value (a flag is key=true)");
    }
    lines.push_back({number, key, std::string(trimmed(line.substr(equals + 1)))});
  }
  return lines;
}

}  // namespace hb::cli
