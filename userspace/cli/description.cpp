#include "cli/description.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

namespace hb::cli {
namespace {

// "text|json": words, none of which stands for something else as "N" does.
std::vector<std::string> choices_of(const std::string& value) {
  if (value.find('|') == std::string::npos) return {};
  const auto is_of_word = [](char c) { return (c >= 'a' && c <= 'z') || c == '-' || c == '|'; };
  if (!std::all_of(value.begin(), value.end(), is_of_word)) return {};
  std::vector<std::string> words;
  std::istringstream all(value);
  for (std::string word; std::getline(all, word, '|');) words.push_back(word);
  return words;
}

// `name`: one of its names, as a flag may have an alias.
FlagDescription describe(const CLI::Option& option, const std::string& name) {
  FlagDescription flag;
  flag.name = "--" + name;
  flag.help = option.get_description();
  if (option.get_items_expected_max() > 0) flag.value = option.get_type_name();
  flag.fallback = option.get_default_str();
  flag.choices = choices_of(flag.value);
  return flag;
}

}  // namespace

bool FlagDescription::takes_path() const { return value == "PATH" || value == "FILE"; }

CommandDescription describe(const CLI::App& app) {
  CommandDescription command;
  command.name = app.get_name();
  command.help = app.get_description();
  command.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    if (option->get_positional()) command.operands.push_back(option->get_name(true));
    for (const auto& name : option->get_lnames()) command.flags.push_back(describe(*option, name));
  }
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_group().empty()) command.commands.push_back(describe(*sub));
  }
  return command;
}

}  // namespace hb::cli
