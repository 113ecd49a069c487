#include "cli/config_option.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>

#include "cli/config_file.hpp"
#include "daemon/trusted_file.hpp"

namespace hb::cli {
namespace {

constexpr const char* kConfig = "config";
constexpr const char* kHelp = "help";
constexpr std::size_t kLongestFlag_bytes = 64;  // the cost of a distance grows with the length

using Lines = std::vector<ConfigLine>;

// The lines of one flag, in their order.
struct Setting {
  CLI::Option* option;
  Lines lines;
};

// The edit distance.
std::size_t distance(const std::string& one, const std::string& other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (const char letter : one) {
    std::size_t diagonal = row[0]++;
    for (std::size_t i = 0; i < other.size(); ++i) {
      const std::size_t changed = diagonal + (letter == other[i] ? 0 : 1);
      diagonal = row[i + 1];
      row[i + 1] = std::min({changed, row[i] + 1, diagonal + 1});
    }
  }
  return row.back();
}

class ConfigReader {
 public:
  ConfigReader(CLI::App& command, std::string path) : command_(command), path_(std::move(path)) {}

  void apply() {
    for (auto& setting : settings()) {
      if (setting.option->empty()) give(setting);  // else the command line has decided
    }
  }

 private:
  [[noreturn]] void refuse(std::size_t number, const std::string& what) const {
    throw CLI::ConfigError(path_ + ":" + std::to_string(number) + ": " + what);
  }

  Lines lines() const {
    const auto text = daemon::read_trusted_file(path_);
    if (!text) throw CLI::ConfigError("--config: " + text.error().message);
    auto lines = parse_config(path_, text.value());
    if (!lines) throw CLI::ConfigError(lines.error().message);
    return std::move(lines).value();
  }

  std::vector<Setting> settings() const {
    std::vector<Setting> settings;
    for (const auto& line : lines()) {
      CLI::Option* option = find(line);
      const auto same = [&](const Setting& setting) { return setting.option == option; };
      const auto found = std::find_if(settings.begin(), settings.end(), same);
      if (found == settings.end()) {
        settings.push_back({option, {line}});
      } else {
        found->lines.push_back(line);
      }
    }
    return settings;
  }

  CLI::Option* find(const ConfigLine& line) const {
    if (line.key == kConfig) refuse(line.number, "a file cannot name another one by 'config'");
    for (CLI::Option* option : command_.get_options()) {
      if (option->check_lname(line.key) && line.key != kHelp) return option;
    }
    const std::string no_flag = "there is no flag '" + shortened(line.key) + "'";
    if (line.key.size() > kLongestFlag_bytes) refuse(line.number, no_flag);
    refuse(line.number, no_flag + " (the closest is '" + closest(line.key) + "')");
  }

  std::string closest(std::string key) const {
    key.erase(0, std::min(key.find_first_not_of('-'), key.size()));
    std::string best;
    for (const CLI::Option* option : command_.get_options()) {
      for (const auto& name : option->get_lnames()) {
        if (name == kHelp || name == kConfig) continue;
        if (best.empty() || distance(key, name) < distance(key, best)) best = name;
      }
    }
    return best;
  }

  void give(Setting& setting) const {
    if (setting.option->get_expected_min() == 0) {
      give_flag(setting);
    } else {
      give_values(setting);
    }
  }

  void give_flag(const Setting& setting) const {
    const auto& line = setting.lines.front();
    if (setting.lines.size() > 1) refuse_twice(setting);
    if (line.value == "false") return;
    if (line.value != "true") {
      refuse(line.number, line.key + ": '" + line.value + "' is not true or false");
    }
    setting.option->add_result(setting.option->get_flag_value(line.key, line.value));
    run(*setting.option, line);
  }

  // Tries each value alone to find the wrong one, or whether there are too many.
  void give_values(const Setting& setting) const {
    for (const auto& line : setting.lines) setting.option->add_result(line.value);
    if (setting.lines.size() == 1) return run(*setting.option, setting.lines.front());
    try {
      setting.option->run_callback();
    } catch (const CLI::ParseError&) {
      for (const auto& line : setting.lines) try_alone(*setting.option, line);
      refuse_twice(setting);
    }
  }

  void try_alone(CLI::Option& option, const ConfigLine& line) const {
    option.clear();
    option.add_result(line.value);
    run(option, line);
  }

  void run(CLI::Option& option, const ConfigLine& line) const {
    try {
      option.run_callback();
    } catch (const CLI::ParseError& error) {
      refuse(line.number, error.what());
    }
  }

  [[noreturn]] void refuse_twice(const Setting& setting) const {
    refuse(setting.lines[1].number, setting.lines[1].key + " is given twice, first in line " +
                                        std::to_string(setting.lines[0].number));
  }

  CLI::App& command_;
  const std::string path_;
};

}  // namespace

void add_config(CLI::App& command) {
  const auto read = [&command](const std::string& path) { ConfigReader(command, path).apply(); };
  command
      .add_option_function<std::string>("--config", read,
                                        "The same flags, as key=value lines; flags given here win")
      ->type_name("FILE");
}

}  // namespace hb::cli
