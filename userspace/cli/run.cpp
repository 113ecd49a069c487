#include "daemon/run.hpp"

#include <CLI/CLI.hpp>

#include "cli/recovery_options.hpp"
#include "cli/run_options.hpp"
#include "cli/subcommands.hpp"

namespace hb::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  hb-ebpf run                                  # agents of root, text events\n"
    "  hb-ebpf run --socket-mode 0660 --socket-group hb --events json | jq .\n"
    "  hb-ebpf run --socket /tmp/hb.sock --threshold-ms 500 --shutdown-after-secs 60\n"
    "  hb-ebpf run --recovery-exec 'systemctl restart agent' --recovery-dry-run\n"
    "  hb-ebpf run --attest procfs                  # SCM_CREDENTIALS and /proc; needs no BPF\n"
    "  hb-ebpf run --config /etc/hb-ebpf.conf       # lines such as threshold-ms=500\n"
    "  hb-ebpf run --udp-port 4711 --key-file /etc/hb-ebpf.key     # agents on the network too";

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  CLI::App* command =
      app.add_subcommand("run", "Run the observer: report beats, stalls and forged senders");
  const auto options = declare_run_options(*command);
  command->footer(kExamples);
  command->callback([&chosen, options, command] {
    check_together(*options);
    check_recovery_options(*command, options->recovery);
    chosen = [options] { return daemon::run(*options); };
  });
}

}  // namespace hb::cli
