// --config FILE: what the file says arrives at the flags as it is written there, whatever CLI11
// makes of the same text on a command line.
#include "cli/config_option.hpp"

#include <CLI/CLI.hpp>
#include <map>

#include "cli/config_file.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/memory_file.hpp"

namespace hb::fuzz {
namespace {

using Values = std::vector<std::string>;

// One option of each sort that `hb-ebpf run` has, declared as there.
struct Command {
  CLI::App app;
  std::string word;
  std::string function;
  Values repeatable;
  bool flag = false;

  Command() {
    cli::add_config(app);
    app.add_option("--word", word);
    const auto set = [this](const std::string& text) { function = text; };
    app.add_option_function<std::string>("--function", set);
    const auto set_all = [this](const Values& all) { repeatable = all; };
    app.add_option_function<Values>("--repeatable", set_all)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_flag("--flag", flag)->disable_flag_override();
  }

  // What is wrong; empty when nothing is.
  std::string read(const std::string& path) {
    try {
      app.parse(Values{path, "--config"});
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    return "";
  }
};

// What a file says.
class Settings {
 public:
  explicit Settings(const std::vector<cli::ConfigLine>& lines) {
    for (const auto& line : lines) values_[line.key].push_back(line.value);
  }

  Values of(const std::string& key) { return values_[key]; }
  std::string first(const std::string& key) {
    return values_[key].empty() ? "" : values_[key].front();
  }

  [[nodiscard]] bool are_good() const {
    return std::all_of(values_.begin(), values_.end(), [](const auto& setting) {
      const auto& [key, values] = setting;
      if (key == "repeatable") return true;
      if (values.size() > 1) return false;
      if (key == "flag") return values[0] == "true" || values[0] == "false";
      return key == "word" || key == "function";
    });
  }

 private:
  std::map<std::string, Values> values_;
};

void check(std::string_view text) {
  static MemoryFile file;
  file.write(text);
  Command command;
  const std::string said = command.read(file.path());
  require(said.empty() || said.starts_with(file.path() + ":"),
          "an error names the file and a line");
  const auto lines = cli::parse_config(file.path(), text);
  if (!lines) {
    require(said == lines.error().message, "a line that is no setting is refused");
    return;
  }
  Settings settings(lines.value());
  require(said.empty() == settings.are_good(), "what is good is taken, and nothing else is");
  if (!said.empty()) return;
  require(command.word == settings.first("word"), "a value stays as it is");
  require(command.function == settings.first("function"), "a value stays as it is for a function");
  require(command.repeatable == settings.of("repeatable"), "values stay in their order");
  require(command.flag == (settings.first("flag") == "true"), "a flag is set by true");
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::text_of({data, size}));
  return 0;
}
