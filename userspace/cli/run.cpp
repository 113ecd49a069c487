#include "daemon/run.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "cli/distinct_files.hpp"
#include "cli/recovery_options.hpp"
#include "cli/run_options.hpp"
#include "cli/subcommands.hpp"

namespace hb::cli {
namespace {

constexpr const char* kRunExamples =
    "Examples:\n"
    "  hb-ebpf run                                  # agents of root, text events\n"
    "  hb-ebpf run --socket-mode 0660 --socket-group hb --events json | jq .\n"
    "  hb-ebpf run --socket /tmp/hb.sock --threshold-ms 500 --shutdown-after-secs 60\n"
    "  hb-ebpf run --recovery-exec 'systemctl restart agent' --recovery-dry-run\n"
    "  hb-ebpf run --attest procfs                  # SCM_CREDENTIALS and /proc; needs no BPF\n"
    "  hb-ebpf run --config /etc/hb-ebpf.conf       # lines such as threshold-ms=500\n"
    "  hb-ebpf run --udp-port 4711 --key-file /etc/hb-ebpf.key     # agents on the network too";

using daemon::RunConfig;

CLI::App* add_command(CLI::App& app) {
  return app.add_subcommand("run", "Run the observer: report beats, stalls and forged senders");
}

// What is given, on the command line or in the file of --config.
void note_flags(const CLI::App& command, RunConfig& config) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->empty() || option->get_lnames().empty()) continue;
    if (option->check_lname("config")) {
      config.config_file = option->results().front();
    } else {
      config.flags[option->get_lnames().front()] = option->results();
    }
  }
}

// After parsing. Throws CLI::ValidationError.
void complete(const CLI::App& command, RunConfig& config) {
  check_together(config);
  check_recovery_options(command, config.recovery);
  note_flags(command, config);
  check_files_are_distinct(config);
}

Result<RunConfig> read_again(std::vector<std::string> arguments) {
  CLI::App app;
  CLI::App* command = add_command(app);
  const auto config = declare_run_options(*command);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app.parse(std::move(arguments));
    complete(*command, *config);
  } catch (const CLI::ParseError& error) {
    return Error{error.what(), EINVAL};
  }
  return *config;
}

}  // namespace

void add_run(CLI::App& app, Action& chosen, const std::vector<std::string>& arguments) {
  CLI::App* command = add_command(app);
  const auto config = declare_run_options(*command);
  command->footer(kRunExamples);
  command->callback([&chosen, config, command, arguments] {
    complete(*command, *config);
    if (!config->config_file.empty()) {
      config->read_again = [arguments] { return read_again(arguments); };
    }
    chosen = [config] { return daemon::run(*config); };
  });
}

}  // namespace hb::cli
