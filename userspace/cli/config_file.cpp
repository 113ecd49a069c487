#include "cli/config_file.hpp"

#include <cerrno>
#include <optional>
#include <utility>

namespace hb::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kLongestQuote_bytes = 64;  // of a line in an error

bool is_blank(char c) { return c == ' ' || c == '\t'; }

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

bool is_comment(std::string_view text, std::size_t at) {
  return text[at] == '#' && at > 0 && is_blank(text[at - 1]);
}

bool has_comment(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_comment(text, at)) return true;
  }
  return false;
}

// An apostrophe within a word quotes nothing.
bool opens_quotes(std::string_view text, std::size_t at) {
  if (text[at] != '"' && text[at] != '\'') return false;
  return at == 0 || is_blank(text[at - 1]) || text[at - 1] == '=';
}

// Where the text goes on behind the quotes that open at `at`; npos if they are not closed.
std::size_t behind_quotes(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (text[at] == quote) return at + 1;
    if (quote == '"' && text[at] == '\\') ++at;
  }
  return std::string_view::npos;
}

// Up to the comment, if there is one. nullopt: quotes are not closed.
std::optional<std::string_view> without_comment(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (is_comment(text, at)) return text.substr(0, at);
    at = opens_quotes(text, at) ? behind_quotes(text, at) : at + 1;
    if (at == std::string_view::npos) return std::nullopt;
  }
  return text;
}

bool is_escape(std::string_view text, std::size_t at) {
  return text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '"' || text[at + 1] == '\\');
}

// A value that is quoted as a whole loses its quotes.
std::string unquoted(std::string_view value) {
  const bool is_quoted =
      !value.empty() && opens_quotes(value, 0) && behind_quotes(value, 0) == value.size();
  if (!is_quoted) return std::string(value);
  const bool escapes = value.front() == '"';
  value = value.substr(1, value.size() - 2);
  std::string text;
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (escapes && is_escape(value, at)) ++at;
    text += value[at];
  }
  return text;
}

class Line {
 public:
  Line(const std::string& path, std::size_t number, std::string_view text)
      : path_(path), number_(number), whole_(text), text_(trimmed(text)) {}

  [[nodiscard]] Result<> check() const {
    if (whole_.size() > kMaxConfigLine_bytes) return error("the line is longer than 64 KiB");
    if (text_.find('\0') != std::string_view::npos) return error("zero byte: not a text file");
    return ok();
  }

  [[nodiscard]] bool is_empty() const { return text_.empty() || text_.front() == '#'; }

  [[nodiscard]] Result<ConfigLine> setting() const {
    const auto equals = text_.find('=');
    const auto key = trimmed(text_.substr(0, equals));
    if (equals == std::string_view::npos || key.empty() || has_comment(key)) {
      return error("'" + shortened(text_) + "' is not key=value (a flag is key=true)");
    }
    const auto value = without_comment(text_.substr(equals + 1));
    if (!value) return error(shortened(key) + ": a closing quote is missing");
    return ConfigLine{number_, std::string(key), unquoted(trimmed(*value))};
  }

  [[nodiscard]] Error error(const std::string& what) const {
    return Error{path_ + ":" + std::to_string(number_) + ": " + what, EINVAL};
  }

 private:
  const std::string& path_;
  const std::size_t number_;
  const std::string_view whole_;
  const std::string_view text_;
};

}  // namespace

std::string shortened(std::string_view text) {
  if (text.size() <= kLongestQuote_bytes) return std::string(text);
  return std::string(text.substr(0, kLongestQuote_bytes)) + "...";
}

Result<std::vector<ConfigLine>> parse_config(const std::string& path, std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<ConfigLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const Line line(path, number, take_line(text));
    if (auto good = line.check(); !good) return good.error();
    if (line.is_empty()) continue;
    auto setting = line.setting();
    if (!setting) return setting.error();
    if (lines.size() == kMaxConfigSettings) return line.error("more than 1024 settings");
    lines.push_back(std::move(setting).value());
  }
  return lines;
}

}  // namespace hb::cli
