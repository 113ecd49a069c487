#include "cli/setting_names.hpp"

#include <CLI/CLI.hpp>

#include "cli/run_options.hpp"

namespace hb::cli {

std::set<std::string> setting_names() {
  CLI::App run;
  const auto config = declare_run_options(run);
  std::set<std::string> names;
  for (const CLI::Option* option : run.get_options()) {
    names.insert(option->get_lnames().begin(), option->get_lnames().end());
  }
  names.erase("config");
  names.erase("help");
  return names;
}

}  // namespace hb::cli
