// Flags that check their values. The message says what is wrong and what is allowed; CLI11 puts the
// flag's name before it. The exit code is 2.
#pragma once

#include <sys/types.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/user.hpp"

namespace hb::cli {

// Decimal digits only, within the bounds. Uses transform() and not check() to remove leading zeros,
// with which CLI11 would read the number as octal.
[[nodiscard]] CLI::Validator whole_number(std::uint64_t lowest, std::uint64_t highest);

template <typename Target>
CLI::Option* add_number(CLI::App& app, const std::string& name, Target& target,
                        std::uint64_t lowest, std::uint64_t highest, const std::string& help) {
  return app.add_option(name, target, help)
      ->transform(whole_number(lowest, highest))
      ->type_name("N")
      ->capture_default_str();
}

// A power of two, whole pages, within the bound; removes leading zeros too.
[[nodiscard]] CLI::Validator ring_size(std::uint64_t highest);

// A path that fits a Unix socket.
[[nodiscard]] CLI::Validator socket_path();

// --status-socket, of a command that reads it.
void add_status_socket(CLI::App& app, std::string& socket);

// "0660": permission bits in octal. "hb": a group that exists, or a gid.
void add_mode(CLI::App& app, const std::string& name, mode_t& mode, const std::string& help);
void add_group(CLI::App& app, const std::string& name, std::optional<gid_t>& group,
               const std::string& help);

// "hb", "1234" or "1234:5678": see daemon::find_user.
void add_user(CLI::App& app, const std::string& name, std::optional<daemon::User>& user,
              const std::string& help);

// What comes after the first "--", as it was given: CLI11 would take "[a,b]" for two words. Throws
// CLI::ValidationError if there is no "--".
[[nodiscard]] std::vector<std::string> after_separator(const std::vector<std::string>& arguments);

// One of several words.
template <typename Value>
using Choices = std::vector<std::pair<std::string, Value>>;

[[nodiscard]] std::string words_of(const std::vector<std::string>& words);

template <typename Value, typename Target>
CLI::Option* add_choice(CLI::App& app, const std::string& name, Target& target,
                        Choices<Value> choices, const std::string& help) {
  std::vector<std::string> words;
  for (const auto& [word, value] : choices) words.push_back(word);
  const std::string allowed = words_of(words);
  const auto choose = [&target, choices, name, allowed](const std::string& given) {
    for (const auto& [word, value] : choices) {
      if (word != given) continue;
      target = value;
      return;
    }
    throw CLI::ValidationError(name, "'" + given + "' is not one of " + allowed);
  };
  return app.add_option_function<std::string>(name, choose, help)->type_name(allowed);
}

}  // namespace hb::cli
