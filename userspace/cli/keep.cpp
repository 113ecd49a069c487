#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/units.hpp"
#include "cli/log_options.hpp"
#include "cli/options.hpp"
#include "cli/subcommands.hpp"
#include "keep/keeper.hpp"

namespace hb::cli {
namespace {

constexpr const char* kExamples =
    "Signals: SIGTERM and SIGINT end both; SIGHUP starts the program's file as it is now and, if\n"
    "that is not ready in time, the one before; SIGUSR1 goes to the observer. To have the observer\n"
    "read its files again, send SIGHUP to the observer itself.\n"
    "Exit code: the observer's; 128 and the signal's number when a signal ended it.\n"
    "Examples:\n"
    "  hb-ebpf keep -- hb-ebpf run\n"
    "  hb-ebpf keep --restart always --start-limit 0 -- hb-ebpf run --config /etc/hb.conf";

struct KeepOptions {
  keep::KeeperConfig config;
  daemon::LogConfig log;
};

ExitCode keep_it(const KeepOptions& options) {
  daemon::open_log(options.log);
  auto keeper = keep::Keeper::make(options.config);
  if (!keeper) {
    spdlog::error("{}", keeper.error().message);
    return ExitCode::Failed;
  }
  daemon::never_wait_for_log();  // whose reader must not delay a start
  const int code = keeper.value().run();
  daemon::end_log();
  return static_cast<ExitCode>(code);
}

}  // namespace

void add_keep(CLI::App& app, Action& chosen, const std::vector<std::string>& arguments) {
  CLI::App* command = app.add_subcommand(
      "keep", "Hold the observer's descriptors while it is restarted or upgraded");
  const auto options = std::make_shared<KeepOptions>();
  auto& limits = options->config.limits;
  add_choice<keep::Restart>(
      *command, "--restart", limits.restart,
      {{"always", keep::Restart::Always}, {"on-failure", keep::Restart::OnFailure}},
      "After which ends it is started again [on-failure]");
  add_number(*command, "--restart-delay-ms", limits.delay_ms, 0, kMsPerDay,
             "Delay before it is started again; doubles with each end in a row");
  add_number(*command, "--start-limit", limits.start_limit, 0, 1'000'000,
             "So many ends in a row are the last; 0: no limit");
  add_number(*command, "--ready-timeout-ms", options->config.ready_timeout_ms, 1, kMsPerDay,
             "How long it may take to become ready before it is killed");
  add_log_options(*command, options->log);
  command->add_option("command", options->config.argv, "After --: hb-ebpf run and its flags")
      ->required()
      ->type_name("COMMAND");
  command->footer(kExamples);
  command->callback([&chosen, options, arguments] {
    options->config.argv = after_separator(arguments);
    chosen = [options] { return keep_it(*options); };
  });
}

}  // namespace hb::cli
