// `hb-ebpf describe`: the command line as completions for shells and as a manual page, out of what
// is declared for CLI11. Not in --help: the build calls it.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "cli/description.hpp"
#include "cli/options.hpp"
#include "cli/subcommands.hpp"

namespace hb::cli {
namespace {

using Writer = std::string (*)(const CommandDescription&);

}  // namespace

void add_describe(CLI::App& app, Action& chosen) {
  CLI::App* command =
      app.add_subcommand("describe", "Print completions for a shell, or a manual page");
  command->group("");  // hidden
  const auto writer = std::make_shared<Writer>(nullptr);
  add_choice<Writer>(*command, "format", *writer,
                     {{"bash", bash_completion},
                      {"zsh", zsh_completion},
                      {"fish", fish_completion},
                      {"man", manual_page}},
                     "As what")
      ->required();
  command->callback([&app, &chosen, writer] {
    chosen = [description = describe(app), writer] {
      std::cout << (*writer)(description) << std::flush;
      return std::cout ? ExitCode::Success : ExitCode::Failed;
    };
  });
}

}  // namespace hb::cli
