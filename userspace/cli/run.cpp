#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "cli/intake.hpp"
#include "cli/recovery_member.hpp"
#include "cli/run_options.hpp"
#include "cli/run_session.hpp"
#include "cli/subcommands.hpp"
#include "kernel/diagnosis.hpp"

namespace hb::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  hb-ebpf run                                  # root sends, root reads what happens\n"
    "  hb-ebpf run --socket-mode 0660 --socket-group hb --events json | jq .\n"
    "  hb-ebpf run --socket /tmp/hb.sock --threshold-ms 500 --shutdown-after-secs 60\n"
    "  hb-ebpf run --recovery-exec 'systemctl restart agent' --recovery-dry-run\n"
    "  hb-ebpf run --attest procfs                  # the old way; needs no BPF\n"
    "  hb-ebpf run --config /etc/hb-ebpf.conf       # lines such as threshold-ms=500\n"
    "  hb-ebpf run --udp-port 4711 --key-file /etc/hb-ebpf.key     # agents on the network too";

ExitCode give_up(const Error& error) {
  spdlog::error("{}", error.message);
  return ExitCode::Failed;
}

ExitCode misconfigured(const Error& error) {
  spdlog::error("{}", error.message);
  return ExitCode::Usage;
}

ExitCode unavailable(const Error& error, const kernel::Config& config) {
  spdlog::error("kernel attestation is not available: {}", error.message);
  for (const auto& finding : kernel::diagnose(config)) {
    if (finding.state != kernel::Finding::State::Failed) continue;
    spdlog::error("{}: {}; {}", finding.check, finding.detail, finding.remedy);
  }
  spdlog::error("`hb-ebpf doctor` shows every check; --attest procfs needs none of them");
  return ExitCode::Unavailable;
}

ExitCode run(const RunOptions& options) {
  auto signals = Signals::take();
  open_log(options.log, signals ? signals.value().fd() : LineWriter::kNoStop);
  if (!signals) return give_up(signals.error());
  const MonotonicClock clock;
  auto signaller = RecoveryMember::start_signaller(options.recovery, options.user);
  if (!signaller) return give_up(signaller.error());
  Watchdog watchdog({options.standstill(), options.log, options.recovery.command.has_value()},
                    signals.value());
  auto keys = read_key_files(options.udp.key_file, options.udp.master_key_file);
  if (!keys) return misconfigured(keys.error());
  std::unique_ptr<kernel::StampProgram> program;
  if (options.attest == Attest::Kernel) {
    auto opened = kernel::StampProgram::open(options.kernel_config());
    if (!opened) return unavailable(opened.error(), options.kernel_config());
    program = std::move(opened).value();
  }
  auto intake = Intake::open(options, std::move(program), clock.now_ns());
  if (!intake) return give_up(intake.error());
  const auto udp = intake.value()->open_udp(options, std::move(keys).value(), clock.now_ns());
  if (!udp) return give_up(udp.error());
  const auto code = observe(options, signals.value(), *intake.value(), std::move(signaller).value(),
                            clock, watchdog);
  return code ? code.value() : give_up(code.error());
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("run", "Observe: who is alive, who is silent, who lies");
  const auto options = declare_run_options(*command);
  command->footer(kExamples);
  command->callback([&chosen, options, command] {
    check_together(*options);
    check_recovery_options(*command, options->recovery);
    chosen = [options] { return run(*options); };
  });
}

}  // namespace hb::cli
