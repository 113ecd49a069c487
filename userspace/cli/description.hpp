// CommandDescription: what is declared of a command line, as plain values, and how it is written
// for shells and for man(1).
#pragma once

#include <string>
#include <vector>

#include "cli/cli11_fwd.hpp"

namespace hb::cli {

struct FlagDescription {
  std::string name;                  // "--socket"
  std::string help;                  // one line
  std::string value;                 // "N", "FILE", "text|json"; empty: it takes none
  std::string fallback;              // the default, if it has one
  std::vector<std::string> choices;  // if it takes one of several words
  [[nodiscard]] bool takes_path() const;
};

struct CommandDescription {
  std::string name;
  std::string help;
  std::string footer;
  std::vector<FlagDescription> flags;
  std::vector<std::string> operands;  // "HEX..."
  std::vector<CommandDescription> commands;
};

// Without what is hidden.
[[nodiscard]] CommandDescription describe(const CLI::App& app);

[[nodiscard]] std::string bash_completion(const CommandDescription& program);
[[nodiscard]] std::string zsh_completion(const CommandDescription& program);
[[nodiscard]] std::string fish_completion(const CommandDescription& program);
// hb-ebpf(8).
[[nodiscard]] std::string manual_page(const CommandDescription& program);

}  // namespace hb::cli
