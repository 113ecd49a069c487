#include <spdlog/spdlog.h>
#include <unistd.h>

#include "cli/intake.hpp"
#include "cli/privileges.hpp"
#include "cli/run_loop.hpp"
#include "cli/run_options.hpp"
#include "cli/subcommands.hpp"
#include "kernel/diagnosis.hpp"
#include "report/json_sink.hpp"
#include "report/text_sink.hpp"

namespace hb::cli {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

constexpr const char* kExamples =
    "Examples:\n"
    "  hb-ebpf run                                  # root sends, root reads what happens\n"
    "  hb-ebpf run --socket-mode 0660 --socket-group hb --events json | jq .\n"
    "  hb-ebpf run --socket /tmp/hb.sock --threshold-ms 500 --shutdown-after-secs 60\n"
    "  hb-ebpf run --attest procfs                  # the old way; needs no BPF\n"
    "  hb-ebpf run --udp-port 4711 --key-file /etc/hb-ebpf/key    # agents on the network too";

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

std::unique_ptr<EventSink> make_sink(EventFormat format, LineWriter& out) {
  switch (format) {
    case EventFormat::Text: return std::make_unique<TextSink>(out, wants_colour(STDOUT_FILENO));
    case EventFormat::Json: return std::make_unique<JsonSink>(out);
    case EventFormat::None: return std::make_unique<SilentSink>();
  }
  return std::make_unique<SilentSink>();
}

Observer::Config observer_config(const RunOptions& options, const Intake& intake) {
  Observer::Config config;
  config.threshold_ns = options.threshold_ns();
  config.tracker_capacity = options.tracker_capacity;
  config.eviction = options.eviction;
  config.policy.observer_ns_inode = intake.observer_ns_inode().value_or(0);
  config.policy.allow_cross_namespace = options.allow_cross_namespace;
  return config;
}

RunLoop::Config loop_config(const RunOptions& options, std::uint64_t now_ns) {
  RunLoop::Config config;
  config.beats = options.beats_shown();
  config.strict_namespace = options.strict_namespace;
  if (options.shutdown_after_s) config.end_ns = now_ns + *options.shutdown_after_s * kNsPerSecond;
  return config;
}

Ready ready_line(const RunOptions& options, const Intake& intake) {
  return {options.socket.path, static_cast<std::uint32_t>(::getpid()), intake.observer_ns_inode(),
          intake.udp_address()};
}

void say_last_words(const Observer& observer, const Intake& intake, EventSink& sink,
                    const LineWriter& out) {
  Totals totals = totals_of(observer.counters());
  intake.append_totals(totals);
  totals.push_back({"events_lost_total", {}, out.lost()});
  sink.stopped(totals);
}

ExitCode observe(const RunOptions& options, Signals& signals, Intake& intake, const Clock& clock) {
  LineWriter out(STDOUT_FILENO, signals.fd());
  const auto sink = make_sink(options.events, out);
  Observer observer(clock, observer_config(options, intake));
  for (Source* source : intake.sources()) observer.add(*source);
  if (ExitWatch* exits = intake.exits()) observer.watch(*exits);
  if (auto bound = intake.bind(options.socket); !bound) return give_up(bound.error());
  if (auto dropped = drop_privileges(intake.needed_capability()); !dropped) {
    return give_up(dropped.error());
  }
  sink->ready(ready_line(options, intake));
  RunLoop loop(observer, clock, intake.fds(), signals, *sink, out,
               loop_config(options, clock.now_ns()));
  const ExitCode code = loop.run();
  if (auto withdrawn = intake.withdraw(); !withdrawn) {
    spdlog::warn("{}", withdrawn.error().message);
  }
  out.end();
  end_log();
  loop.finish();
  say_last_words(observer, intake, *sink, out);
  return code;
}

ExitCode run(const RunOptions& options) {
  auto signals = Signals::take();
  open_log(options.log, signals ? signals.value().fd() : LineWriter::kNoStop);
  if (!signals) return give_up(signals.error());
  const MonotonicClock clock;
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
  return observe(options, signals.value(), *intake.value(), clock);
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("run", "Observe: who is alive, who is silent, who lies");
  const auto options = declare_run_options(*command);
  command->footer(kExamples);
  command->callback([&chosen, options] {
    check_together(*options);
    chosen = [options] { return run(*options); };
  });
}

}  // namespace hb::cli
