#include "cli/run_options.hpp"

#include "base/units.hpp"
#include "cli/audit_options.hpp"
#include "cli/config_option.hpp"
#include "cli/log_options.hpp"
#include "cli/options.hpp"
#include "cli/publish_options.hpp"
#include "cli/recovery_options.hpp"
#include "cli/udp_options.hpp"
#include "daemon/priority.hpp"
#include "observer/tracker.hpp"

namespace hb::cli {
namespace {

using daemon::Attest;
using daemon::EventFormat;
using daemon::RunConfig;
using daemon::WhenFull;

constexpr std::uint64_t kSecondsPerYear = 31'536'000;
constexpr std::uint64_t kMaxRingBytes = std::uint64_t{1} << 30;

void declare_socket(CLI::App& run, RunConfig& o) {
  run.add_option("--socket", o.socket.path, "The socket that agents send to")
      ->check(socket_path())
      ->type_name("PATH")
      ->capture_default_str();
  add_mode(run, "--socket-mode", o.socket.mode, "Its permission bits: who may send [0600]");
  add_group(run, "--socket-group", o.socket.group, "Its group");
  add_number(run, "--queue-length", o.queue_length, 1, std::uint64_t{1} << 20,
             "Datagrams that the socket can queue");
}

void declare_notify(CLI::App& run, RunConfig& o) {
  run.add_option(
         "--notify-socket", o.notify_socket,
         "A second socket, for agents that speak systemd's notify protocol ($NOTIFY_SOCKET); "
         "with the mode and group of the first")
      ->check(socket_path())
      ->type_name("PATH");
  add_number(run, "--notify-threshold-max-ms", o.notify_threshold_max_ms, 1, 365 * kMsPerDay,
             "The longest threshold that such an agent may choose for itself");
}

void declare_attestation(CLI::App& run, RunConfig& o) {
  add_choice<Attest>(
      run, "--attest", o.attest, {{"kernel", Attest::Kernel}, {"procfs", Attest::Procfs}},
      "How the sender of a frame is found; procfs: SCM_CREDENTIALS and /proc, for comparison "
      "[kernel]");
  add_choice<bool>(run, "--correlate", o.correlate_skb, {{"content", false}, {"skb", true}},
                   "How stamps are paired with frames [content]");
  add_choice<kernel::Delivery>(
      run, "--delivery", o.delivery,
      {{"socket", kernel::Delivery::Socket}, {"ring", kernel::Delivery::Ring}},
      "How frames arrive: as datagrams, or in their stamps without a system call [socket; "
      "ring where the next observer can then go on]");
  add_number(
      run, "--drain-interval-ms", o.drain_interval_ms, 1, 1'000,
      "How long a frame may wait to be read; exits and stalls are not delayed [5 if the event "
      "stream shows every beat, 500 if nobody is told of beats, else 100; or a quarter of a short "
      "threshold]");
  add_number(run, "--max-beat-rate", o.max_beat_rate, 0, 1'000'000'000,
             "Beats per second and process; more are dropped in the kernel; 0: no limit");
  run.add_option("--ring-bytes", o.ring_bytes, "Size of the stamp ring")
      ->transform(ring_size(kMaxRingBytes))
      ->type_name("BYTES")
      ->capture_default_str();
  add_number(run, "--stamp-wait-ms", o.stamp_wait_ms, 1, 10'000,
             "How long a frame waits for its stamp");
  run.add_flag("--allow-cross-namespace-agents", o.allow_cross_namespace,
               "Accept agents of other PID namespaces, under their pid in this one")
      ->disable_flag_override();
  run.add_flag("--strict-namespace-check", o.strict_namespace,
               "End with exit code 4 on the first namespace conflict")
      ->disable_flag_override();
}

void declare_tracking(CLI::App& run, RunConfig& o) {
  add_number(run, "--threshold-ms", o.threshold_ms, 1, kMsPerDay, "Silence before a stall");
  add_number(run, "--tracker-capacity", o.tracker_capacity, 1, Tracker::kMaxCapacity,
             "The number of agents that can be tracked");
  add_number(run, "--agents-per-uid", o.agents_per_uid, 0, Tracker::kMaxCapacity,
             "Agents that one user may have; for root: one cgroup (v2, the second level); 0: any "
             "number [a quarter of --tracker-capacity]");
  add_number(run, "--network-agents", o.network_agents, 0, Tracker::kMaxCapacity,
             "Agents that may send over UDP, all together; 0: any number [half of "
             "--tracker-capacity]");
  add_choice<OriginPrecedence>(
      run, "--origin-precedence", o.origin_precedence,
      {{"first", OriginPrecedence::First}, {"strongest", OriginPrecedence::Strongest}},
      "When the kernel attests a beat for a pid that is in use over UDP: keep the UDP agent until "
      "it is silent (first), or take the attested process at once (strongest) [first]");
  add_choice<Eviction>(
      run, "--eviction", o.eviction,
      {{"strict", Eviction::Strict}, {"balanced", Eviction::Balanced}},
      "When the tracker is full, evict the longest silent agent: after 10 thresholds "
      "(strict), or once it has stalled (balanced) [strict]");
}

void declare_output(CLI::App& run, RunConfig& o) {
  add_choice<EventFormat>(
      run, "--events", o.events,
      {{"text", EventFormat::Text}, {"json", EventFormat::Json}, {"none", EventFormat::None}},
      "The event stream on standard output [text]");
  add_choice<BeatsShown>(
      run, "--beats", o.beats,
      {{"all", BeatsShown::All}, {"changes", BeatsShown::Changes}, {"none", BeatsShown::None}},
      "Which beats the stream shows [text: changes, json: all]");
  add_choice<WhenFull>(run, "--when-stdout-is-full", o.when_stdout_is_full,
                       {{"drop", WhenFull::Drop}, {"end", WhenFull::End}},
                       "If the stream is not read: lose events, or end [drop]");
  run.add_option(
         "--export-file", o.export_file,
         "Also write every event to this file, as tab-separated values; opened again on SIGHUP")
      ->type_name("PATH");
  add_log_options(run, o.log);
}

void declare_process(CLI::App& run, RunConfig& o) {
  add_user(run, "--user", o.user, "Change to this user once everything is open");
  add_number(run, "--shutdown-after-secs", o.shutdown_after_s, 1, kSecondsPerYear,
             "End after this time, with exit code 0");
  run.add_option("--nice", o.nice,
                 "Nice value of the observer; child processes get 0 if it is negative [-20]")
      ->check(CLI::Range(daemon::kHighestPriority, daemon::kLowestPriority))
      ->type_name("N");
  add_number(run, "--self-watchdog-ms", o.self_watchdog_ms, 0, kMsPerDay,
             "End with exit code 5 when the loop is stuck for so long; 0: no watchdog");
  add_number(run, "--unreachable-ms", o.unreachable_ms, 0, kMsPerDay,
             "End with exit code 1 when agents cannot reach the socket for so long; 0: never");
  run.add_flag("--no-sandbox", o.no_sandbox,
               "Keep the system calls and files that the observer does not need (seccomp, "
               "Landlock); with commands of recovery they are kept anyway");
}

}  // namespace

void check_together(const RunConfig& options) {
  check_udp_options(options.udp);
  check_publish_options(options.publish);
  if (options.notify_socket && options.attest == Attest::Procfs) {
    throw CLI::ValidationError("--notify-socket", "needs --attest kernel");
  }
  if (options.delivery != kernel::Delivery::Ring) return;
  if (options.attest == Attest::Procfs) {
    throw CLI::ValidationError("--delivery ring", "needs --attest kernel");
  }
  if (options.correlate_skb) {
    throw CLI::ValidationError("--delivery ring",
                               "cannot be combined with --correlate skb, which pairs datagrams");
  }
}

std::shared_ptr<RunConfig> declare_run_options(CLI::App& run) {
  auto options = std::make_shared<RunConfig>();
  const auto group = [&run](const char* name) { run.option_defaults()->group(name); };
  add_config(run);  // before all others
  group("Socket");
  declare_socket(run, *options);
  declare_notify(run, *options);
  group("Attestation");
  declare_attestation(run, *options);
  group("UDP");
  declare_udp_options(run, options->udp);
  group("Tracking");
  declare_tracking(run, *options);
  group("Output");
  declare_output(run, *options);
  group("Metrics and status");
  declare_publish_options(run, options->publish);
  group("Process");
  declare_process(run, *options);
  group("Recovery");
  declare_audit_options(run, options->audit);
  declare_recovery_options(run, options->recovery);
  return options;
}

}  // namespace hb::cli
