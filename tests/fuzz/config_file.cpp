// The file of flags: every line of it is a setting, is skipped or is named as the one that is
// wrong.
#include "cli/config_file.hpp"

#include "tests/fuzz/input.hpp"

namespace hb::fuzz {
namespace {

using Lines = std::vector<cli::ConfigLine>;

const std::string kPath = "hb.conf";

std::size_t lines_in(std::string_view text) {
  const auto newlines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  return newlines + (text.ends_with('\n') ? 0 : 1);
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_trimmed(const std::string& text) {
  return text.empty() || (!is_blank(text.front()) && !is_blank(text.back()));
}

bool is_one_line(const std::string& text) {
  return text.find('\n') == std::string::npos && text.find('\0') == std::string::npos;
}

void check_error(const Error& error, std::string_view text) {
  const std::string& said = error.message;
  require(said.starts_with(kPath + ":"), "an error names the file");
  char* end = nullptr;
  const auto line = std::strtoull(said.c_str() + kPath.size() + 1, &end, 10);
  require(line >= 1 && line <= lines_in(text), "an error names a line that is there");
  require(std::string_view(end).starts_with(": "), "an error names a line, and then says why");
}

void check_lines(const Lines& lines, std::string_view text) {
  std::size_t before = 0;
  for (const auto& line : lines) {
    require(line.number > before && line.number <= lines_in(text),
            "lines are numbered as they come");
    before = line.number;
    require(!line.key.empty(), "there is a key");
    require(line.key.find('=') == std::string::npos, "a key ends at the first =");
    require(line.key.front() != '#', "a comment is no setting");
    require(line.key.find(" #") == std::string::npos, "a comment is no part of a key");
    require(is_trimmed(line.key), "blanks around do not count");
    require(is_one_line(line.key) && is_one_line(line.value), "a setting is one line of text");
  }
}

std::string quoted(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return '"' + text + '"';
}

std::string written_anew(const Lines& lines) {
  std::string text = "\xEF\xBB\xBF";  // as a key may begin with one
  std::size_t number = 1;
  for (const auto& line : lines) {
    text.append(line.number - number, '\n')
        .append(line.key + " =\t")
        .append(quoted(line.value) + " # \"\r\n");
    number = line.number + 1;
  }
  return text;
}

void check_written_anew(const Lines& lines) {
  const auto again = cli::parse_config(kPath, written_anew(lines));
  require(static_cast<bool>(again), "what was read can be written and read again");
  const auto same = [](const cli::ConfigLine& one, const cli::ConfigLine& other) {
    return one.number == other.number && one.key == other.key && one.value == other.value;
  };
  require(std::equal(lines.begin(), lines.end(), again.value().begin(), again.value().end(), same),
          "and is then the same");
}

void check(std::string_view text) {
  const auto lines = cli::parse_config(kPath, text);
  if (!lines) return check_error(lines.error(), text);
  check_lines(lines.value(), text);
  check_written_anew(lines.value());
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::text_of({data, size}));
  return 0;
}
