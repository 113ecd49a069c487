// --config FILE: what the file says arrives at the flags as it is written there, whatever CLI11
// makes of the same text on a command line.
#include "cli/config_option.hpp"

#include <CLI/CLI.hpp>
#include <optional>

#include "cli/config_file.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/memory_file.hpp"

namespace hb::fuzz {
namespace {

using Values = std::vector<std::string>;

// One option of each sort that `hb-ebpf run` has, declared as there.
struct Command {
  CLI::App app;
  std::optional<std::string> word;
  std::optional<std::string> function;
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

Values values_of(const std::string& key, const std::vector<cli::ConfigLine>& lines) {
  Values values;
  for (const auto& line : lines) {
    if (line.key == key) values.push_back(line.value);
  }
  return values;
}

Values values_of(const std::optional<std::string>& option) {
  return option ? Values{*option} : Values();
}

void check(std::string_view text) {
  static MemoryFile file;
  file.write(text);
  Command command;
  const std::string said = command.read(file.path());
  if (!said.empty()) {
    require(said.starts_with(file.path() + ":"), "an error names the file and a line");
    return;
  }
  const auto lines = cli::parse_config(file.path(), text);
  require(static_cast<bool>(lines), "a file with a mistake in it is refused");
  require(values_of(command.word) == values_of("word", lines.value()), "a value stays as it is");
  require(values_of(command.function) == values_of("function", lines.value()),
          "a value stays as it is for a function");
  require(command.repeatable == values_of("repeatable", lines.value()),
          "values stay as they are and in their order");
  const bool is_set = values_of("flag", lines.value()) == Values{"true"};
  require(command.flag == is_set, "a flag is set when the file says true");
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check(hb::fuzz::text_of({data, size}));
  return 0;
}
