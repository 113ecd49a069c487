// The recovery command: words that can be quoted are split back into themselves, and the pid goes
// into arguments alone.
#include "recovery/command_line.hpp"

#include "recovery/recovery_means.hpp"
#include "tests/fuzz/input.hpp"

namespace hb::fuzz {
namespace {

using Words = std::vector<std::string>;

std::string single_quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string double_quoted(const std::string& word) {
  std::string quoted = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string escaped(const std::string& word) {
  std::string text;
  for (const char c : word) (text += '\\') += c;
  return text.empty() ? "''" : text;
}

void check_quoting(const Words& words, std::string (&quote)(const std::string&)) {
  std::string text;
  for (const auto& word : words) text += " " + quote(word);
  const auto again = split_words(text);
  require(again && again.value() == words, "quoted words are split into themselves");
}

bool has_no_meaning(char c) {
  return std::string_view(" \t'\"\\").find(c) == std::string_view::npos;
}

// What does not separate, quote or escape is in the words, in its order.
void check_nothing_is_lost(std::string_view text, const Words& words) {
  std::string before;
  std::copy_if(text.begin(), text.end(), std::back_inserter(before), has_no_meaning);
  std::string after;
  for (const auto& word : words) {
    std::copy_if(word.begin(), word.end(), std::back_inserter(after), has_no_meaning);
  }
  require(before == after, "nothing is lost or added");
}

void check_command(std::string_view text, const Words& words) {
  const auto command = CommandLine::parse(text);
  if (!command) return;
  const ServiceFacts service{
      .name = "{unit}", .unit = "{pid}", .user_unit = {}, .cgroup = "/{service} x"};
  Stall stall{};
  stall.pid = 4194303;
  stall.uid = 1000;
  stall.comm = Comm("comm");
  const Step step{command.value()};
  const auto filled = command.value().argv_for({stall, service, step});
  require(filled.has_value(), "all that can be named is known");
  const Words& argv = *filled;
  require(argv.size() == words.size(), "nothing that is put in makes a second argument");
  require(argv.front().starts_with('/'), "the program is named by an absolute path");
  require(argv.front().ends_with(words.front()), "the program is the one that was named");
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const bool had_any = words[i].find('{') != std::string::npos;
    require(had_any || argv[i] == words[i], "other arguments stay as they are");
  }
}

void check(std::string_view text) {
  const auto words = split_words(text);
  if (!words) {
    require(!words.error().message.empty(), "an error says why");
    require(!CommandLine::parse(text), "what cannot be split is no command");
    return;
  }
  check_nothing_is_lost(text, words.value());
  check_quoting(words.value(), single_quoted);
  check_quoting(words.value(), double_quoted);
  check_quoting(words.value(), escaped);
  check_command(text, words.value());
}

}  // namespace
}  // namespace hb::fuzz

// A command line of a process has no zero byte in it, and a config file with one is refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = hb::fuzz::text_of({data, size});
  if (text.find('\0') == std::string_view::npos) hb::fuzz::check(text);
  return 0;
}
