#include "daemon/run_session.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/units.hpp"
#include "daemon/audit_member.hpp"
#include "daemon/counters_member.hpp"
#include "daemon/exporter.hpp"
#include "daemon/landlock.hpp"
#include "daemon/loss_member.hpp"
#include "daemon/notify_member.hpp"
#include "daemon/openable_paths.hpp"
#include "daemon/orphan_reaper.hpp"
#include "daemon/priority.hpp"
#include "daemon/privileges.hpp"
#include "daemon/publish_member.hpp"
#include "daemon/reach_member.hpp"
#include "daemon/recovery_member.hpp"
#include "daemon/reload_member.hpp"
#include "daemon/run_loop.hpp"
#include "daemon/sandbox.hpp"
#include "daemon/status_member.hpp"
#include "report/journal.hpp"
#include "report/json_sink.hpp"
#include "report/run_stamp.hpp"
#include "report/text_sink.hpp"
#include "transport/unix_stream_listener.hpp"

namespace hb::daemon {
namespace {

constexpr std::size_t kStreamBytes = std::size_t{1} << 20;  // buffered for a slow reader

// Text for the journal becomes entries with fields; if it cannot be reached so, plain lines.
LineWriter open_stream(const RunConfig& options, int stop_fd) {
  if (options.events == EventFormat::Text && journal::is_at(STDOUT_FILENO)) {
    auto opened = journal::open();
    if (opened) return {Outlet::to_journal(std::move(opened).value()), stop_fd};
    spdlog::warn("{}: events have no fields there", opened.error().message);
  }
  return LineWriter(STDOUT_FILENO, stop_fd);
}

std::unique_ptr<EventSink> make_sink(EventFormat format, LineWriter& out, const RunStamp& stamp) {
  switch (format) {
    case EventFormat::Text: return std::make_unique<TextSink>(out, wants_colour(STDOUT_FILENO));
    case EventFormat::Json: return std::make_unique<JsonSink>(out, stamp);
    case EventFormat::None: return std::make_unique<SilentSink>();
  }
  return std::make_unique<SilentSink>();
}

Observer::Config observer_config(const RunConfig& options, const intake::Intake& intake,
                                 const StateMemory* state) {
  Observer::Config config;
  config.state = state;
  config.tell_again = options.recovery.is_on();  // which begins anew
  config.threshold_ns = options.threshold_ns();
  config.tracker_capacity = options.tracker_capacity;
  config.eviction = options.eviction;
  config.agents_per_owner = options.agents_per_owner();
  config.network_agents = options.agents_on_network();
  config.precedence = options.origin_precedence;
  config.notify_times = {
      .least_ns = options.shortest_threshold_ms() * kNsPerMs,
      .most_ns =
          std::max(options.notify_threshold_max_ms, options.shortest_threshold_ms()) * kNsPerMs};
  config.read_delay_ns = options.kernel_config().drain_interval_ns;
  config.policy.observer_ns_inode = intake.observer_ns_inode().value_or(0);
  config.policy.allow_cross_namespace = options.allow_cross_namespace;
  return config;
}

RunLoop::Config loop_config(const RunConfig& options, std::uint64_t now_ns) {
  RunLoop::Config config;
  config.beats = options.beats_shown();
  config.strict_namespace = options.strict_namespace;
  config.end_when_stream_is_full = options.when_stdout_is_full == WhenFull::End;
  if (options.shutdown_after_s) config.end_ns = now_ns + *options.shutdown_after_s * kNsPerSecond;
  return config;
}

ReachMember::Config reach_config(const RunConfig& options) {
  return {.path = options.socket.path,
          .unreachable_ns = options.unreachable_ms * kNsPerMs,
          .threshold_ns = options.threshold_ns()};
}

std::optional<uid_t> run_as_uid(const RunConfig& options) {
  return options.user ? std::optional(options.user->uid) : std::nullopt;
}

// With it a new socket can be bound. Root's would let the process become root's again.
std::optional<gid_t> file_group(const RunConfig& options) {
  return options.socket.group == gid_t{0} ? std::nullopt : options.socket.group;
}

Result<> shed_privileges(const RunConfig& options, const intake::Intake& intake) {
  KeptPrivileges kept;
  if (const auto needed = intake.needed_capability()) kept.capabilities.push_back(*needed);
  if (options.user) {
    if (auto became = become_user(*options.user, file_group(options)); !became) return became;
  } else if (const auto group = file_group(options)) {
    keep_file_group(*group);
  }
  if (auto dropped = drop_privileges(kept); !dropped) return dropped;
  return options.user ? confirm_user(*options.user, file_group(options)) : ok();
}

// It is an error if an explicit --nice cannot be set, but not if the default cannot.
Result<> take_priority(const RunConfig& options) {
  auto taken = daemon::take_priority(options.nice.value_or(kHighestPriority));
  if (taken) return taken;
  if (options.nice) return Error{"--nice: " + taken.error().message, taken.error().code};
  spdlog::info("{}: other processes may delay the observer", taken.error().message);
  return ok();
}

bool wants_sandbox(const RunConfig& options) {
  return Sandbox::is_possible() && !options.no_sandbox;
}

// Before the first thread is made, as it is for the calling one and its offspring. Not with
// --attest procfs, which reads what Landlock refuses: links in /proc that need ptrace(2).
Result<> limit_files(const RunConfig& options) {
  if (!wants_sandbox(options)) return ok();
  if (options.read_again) load_name_services();
  if (options.attest == Attest::Procfs) return ok();
  if (landlock_abi() == 0) {
    spdlog::info("there is no Landlock here: the observer can open whatever its user may");
    return ok();
  }
  auto limited = open_only(openable_paths(options));
  if (limited) return limited;
  return Error{limited.error().message + " (--no-sandbox does without)", limited.error().code};
}

// After the last thread has been made.
Result<> enter_sandbox(const RunConfig& options) {
  if (!wants_sandbox(options)) return ok();
  auto entered = Sandbox::enter();
  if (entered) return entered;
  return Error{entered.error().message + " (--no-sandbox does without)", entered.error().code};
}

// The watchdog's thread inherits the remaining capabilities and the priority.
Result<> start_watchdog(Watchdog& watchdog) {
  if (auto started = watchdog.start(); !started) return started;
  return keep_priority_to_ourselves();
}

// Without write permission to its directory, the socket cannot be removed.
void tell_withdrawal(const Result<>& withdrawn, bool is_expected_to_fail) {
  if (withdrawn) return;
  const auto level = is_expected_to_fail ? spdlog::level::info : spdlog::level::warn;
  spdlog::log(level, "{} (the next start replaces it)", withdrawn.error().message);
}

// Empty: there is none.
using StatusSocket = std::unique_ptr<UnixStreamListener>;

// At its usual place it is a courtesy: another observer may have it.
Result<StatusSocket> open_status_socket(const RunConfig& options, Publisher* publisher) {
  const std::string path = options.status_path();
  if (publisher == nullptr || path.empty()) return StatusSocket();
  auto opened = UnixStreamListener::open(
      {path, options.publish.status_mode, std::nullopt, run_as_uid(options)});
  if (!opened && options.publish.status_socket) {
    return Error{"--status-socket: " + opened.error().message, opened.error().code};
  }
  if (!opened) {
    spdlog::warn("there is no status socket: {} (--status-socket)", opened.error().message);
    return StatusSocket();
  }
  if (auto served = publisher->serve_status(opened.value()->socket()); !served)
    return served.error();
  opened.value()->close_socket();
  return opened;
}

// The members of the loop. Each is null if it is not configured.
struct Members {
  std::unique_ptr<ReloadMember> reload;
  std::unique_ptr<Exporter> exporter;
  std::unique_ptr<AuditMember> audit;
  std::unique_ptr<RecoveryMember> recovery;
  std::unique_ptr<OrphanReaper> orphans;
  std::unique_ptr<PublishMember> publish;

  Result<> open(const RunConfig& options, const RunStamp& stamp, const intake::Intake& intake,
                Reach& reach, PreparedRecovery prepared, Observer& observer, const Clock& clock) {
    if (options.read_again) reload = std::make_unique<ReloadMember>(options);
    if (auto opened = open_exporter(options, stamp); !opened) return opened;
    if (auto opened = open_audit(options); !opened) return opened;
    if (auto opened = open_recovery(options, intake, reach, std::move(prepared), observer, clock);
        !opened) {
      return opened;
    }
    return open_orphans();
  }

  Result<> open_exporter(const RunConfig& options, const RunStamp& stamp) {
    if (!options.export_file) return ok();
    auto opened = Exporter::open(*options.export_file, run_as_uid(options), stamp);
    if (!opened) return opened.error();
    exporter = std::move(opened).value();
    return ok();
  }

  Result<> open_audit(const RunConfig& options) {
    auto opened = AuditMember::open(options.audit);
    if (!opened) return opened.error();
    audit = std::move(opened).value();
    return ok();
  }

  Result<> open_recovery(const RunConfig& options, const intake::Intake& intake, Reach& reach,
                         PreparedRecovery prepared, Observer& observer, const Clock& clock) {
    const RecoveryMember::ObserverFacts facts{intake.observer_ns_inode(),
                                              options.allow_cross_namespace,
                                              options.threshold_ms,
                                              options.shortest_threshold_ms(),
                                              options.tracker_capacity,
                                              intake.attempts(),
                                              &reach,
                                              observer.taken_back().away_ns != 0};
    AuditTrail* trail = audit ? &audit->trail() : nullptr;
    auto opened =
        RecoveryMember::open(options.recovery, facts, std::move(prepared), observer, clock, trail);
    if (!opened) return opened.error();
    recovery = std::move(opened).value();
    return recovery ? recovery->begin() : ok();
  }

  Result<> open_orphans() {
    auto opened = OrphanReaper::open();
    if (!opened) return opened.error();
    orphans = std::move(opened).value();
    return ok();
  }

  void open_publishing(Publisher* publisher, PublishMember::Sources sources,
                       const RunStamp& stamp) {
    if (publisher == nullptr) return;
    publish = std::make_unique<PublishMember>(*publisher, std::move(sources), stamp.run);
  }

  [[nodiscard]] std::vector<LoopMember*> all() const {
    std::vector<LoopMember*> members;
    if (reload) members.push_back(reload.get());  // first, as others log what they do on SIGHUP
    if (exporter) members.push_back(exporter.get());
    if (recovery) members.push_back(recovery.get());
    if (audit) members.push_back(audit.get());  // after recovery, which writes the records
    if (orphans) members.push_back(orphans.get());
    if (publish) members.push_back(publish.get());
    return members;
  }

  void append_totals(Totals& totals) const {
    if (exporter) exporter->append_totals(totals);
    daemon::append_totals(totals, recovery ? recovery->counters() : RecoveryCounters{});
    append(totals, AuditLog::kResumed, audit ? audit->resumed() : CountBy<AuditBreak>{});
  }
};

// All counters.
void append_totals(Totals& totals, const Observer& observer, const intake::Intake& intake,
                   const Members& members, const LineWriter& out, const Watchdog& watchdog,
                   const ReachMember& reach) {
  hb::append_totals(totals, observer.counters());
  intake.append_totals(totals);
  members.append_totals(totals);
  append(totals, LineWriter::kEventsLost, out.lost());
  const LineWriter* log = log_writer();
  append(totals, LineWriter::kLogLinesLost, log != nullptr ? log->lost() : 0);
  append(totals, Watchdog::kInterrupts, watchdog.interrupts());
  reach.append_totals(totals);
  Sandbox::append_totals(totals);
  append(totals, PublishMember::kLost, members.publish ? members.publish->lost() : 0);
}

// The line in place of lost ones.
void tell_gap(EventSink& sink, const LineWriter& out, const LineWriter::Gap& gap,
              const Observer& observer, const Clock& clock) {
  sink.loss({LineWriter::kEventsLost.loss, gap.lines, observer.since_start(gap.since_ns),
             out.lost(), observer.since_start(clock.now_ns())});
}

std::optional<Resumed> resumed(const Succession& succession, const Observer& observer) {
  if (!succession.has_gone_on()) return std::nullopt;
  const Observer::TakenBack& taken = observer.taken_back();
  return Resumed{.away_ns = taken.away_ns,
                 .agents = taken.agents.agents,
                 .agents_dropped = taken.agents.torn + taken.agents.refused};
}

// For the first and the last line, which are written outside of the loop.
void say_if_unwritten(LineWriter& out) {
  if (const auto problem = out.take_problem()) spdlog::error("{}", problem->message);
}

}  // namespace

Result<ExitCode> observe(const RunConfig& options, Signals& signals, intake::Intake& intake,
                         Succession& succession, PreparedRecovery prepared, const Clock& clock,
                         Watchdog& watchdog, ServiceManager& manager, Publisher* publisher) {
  LineWriter out = open_stream(options, signals.fd());
  const RunStamp stamp = new_run();
  const auto sink = make_sink(options.events, out, stamp);
  Observer observer(clock, observer_config(options, intake, succession.state()));
  for (Source* source : intake.sources()) observer.add(*source);
  if (ExitWatch* exits = intake.exits()) observer.watch(*exits);
  if (const AttemptWatch* attempts = intake.attempts()) observer.watch(*attempts);
  ReachMember reach(intake, observer, reach_config(options),
                    [&](const ReachChange& change) { sink->reach(change); });
  Members members;
  if (auto opened =
          members.open(options, stamp, intake, reach, std::move(prepared), observer, clock);
      !opened) {
    return opened.error();
  }
  if (members.recovery) sink->look_up_services_in(*members.recovery);
  if (auto taken = take_priority(options); !taken) return taken.error();
  if (!succession.has_gone_on()) {
    if (auto bound = intake.bind(options.socket_places()); !bound) return bound.error();
  }
  succession.leave(intake);
  auto status_socket = open_status_socket(options, publisher);
  if (!status_socket) return status_socket.error();
  StatusMember status(publisher, std::move(status_socket).value(), options.status_path());
  if (auto shed = shed_privileges(options, intake); !shed) return shed.error();
  const auto count = [&](Totals& totals) {
    append_totals(totals, observer, intake, members, out, watchdog, reach);
  };
  members.open_publishing(publisher, {observer, reach, members.recovery.get(), count}, stamp);
  LossMember losses(
      observer.start_ns(), count, [&](const Loss& loss) { return sink->loss(loss); },
      [&](const Loss& loss) {
        if (members.exporter) members.exporter->handle(loss);
      },
      succession.losses());
  CountersMember counters(count);
  Sandbox sandbox;
  out.tell_gaps_with(
      [&](const LineWriter::Gap& gap) { tell_gap(*sink, out, gap, observer, clock); });
  if (auto limited = limit_files(options); !limited) return limited.error();
  if (auto started = start_watchdog(watchdog); !started) return started.error();
  if (auto entered = enter_sandbox(options); !entered) return entered.error();
  reach.begin(clock.now_ns());
  observer.watch(reach);

  // Before `ready`: it takes the spare descriptors.
  RunLoop loop(observer, clock, intake.poll_sources(), signals, *sink, out, watchdog.progress(),
               loop_config(options, clock.now_ns()));
  if (members.publish) members.publish->tick(clock.now_ns());  // whoever reads `ready` may ask
  sink->ready({options.socket.path, static_cast<std::uint32_t>(::getpid()),
               intake.observer_ns_inode(), intake.udp_addresses(),
               publisher != nullptr ? publisher->http_address() : "",
               resumed(succession, observer)});
  say_if_unwritten(out);
  NotifyMember notify(manager, reach, observer, options.socket.path);
  notify.begin(clock.now_ns());
  out.never_wait(kStreamBytes);
  never_wait_for_log();
  loop.add(reach);
  loop.add(notify);
  for (LoopMember* member : members.all()) loop.add(*member);
  loop.add(status);
  loop.add(losses);
  loop.add(counters);
  loop.add(sandbox);
  const ExitCode code = loop.run();
  notify.finish();
  watchdog.progress().begin(Step::AwaitingCommands);
  if (members.recovery) members.recovery->finish();
  watchdog.progress().begin(Step::Ending);
  reach.finish();
  if (succession.is_left()) {
    intake.end_left();
  } else {
    tell_withdrawal(intake.withdraw(), options.user.has_value());
  }
  tell_withdrawal(status.withdraw(), options.user.has_value());
  out.end();
  end_log();
  loop.finish();
  losses.finish(clock.now_ns());
  sandbox.finish();
  if (members.exporter) members.exporter->end();
  Totals totals;
  count(totals);
  sink->stopped(totals);
  say_if_unwritten(out);
  return code;
}

}  // namespace hb::daemon
