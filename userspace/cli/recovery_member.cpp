#include "cli/recovery_member.hpp"

#include <linux/capability.h>
#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "observer/tracker.hpp"
#include "recovery/command_means.hpp"
#include "recovery/pidfd.hpp"
#include "recovery/printable.hpp"
#include "recovery/signal_means.hpp"

namespace hb::cli {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;

Recovery::Config config_of(const RecoveryOptions& options,
                           const RecoveryMember::Surroundings& observer, std::uint64_t now_ns) {
  Recovery::Config config;
  RecoveryPolicy::Config& policy = config.policy;
  policy.signals = options.signal.has_value();
  policy.accept_unauthenticated = options.accept_unauthenticated;
  policy.observer_ns_inode = observer.observer_ns_inode.value_or(0);
  policy.allow_cross_namespace = observer.allow_cross_namespace;
  policy.act_from_ns = now_ns + options.startup_grace_ms.value_or(observer.threshold_ms) * kNsPerMs;
  policy.debounce_ns = options.debounce_ms * kNsPerMs;
  policy.debounce_capacity = observer.tracker_capacity;
  policy.budget = options.budget;
  policy.seed = random_seed();
  config.dry_run = options.dry_run;
  config.audit_required = options.audit_required;
  return config;
}

Result<std::unique_ptr<RecoveryMeans>> signal_means(const RecoveryOptions& options,
                                                    const RecoveryMember::Surroundings& observer,
                                                    const Clock& clock) {
  if (auto raised = raise_descriptor_limit(); !raised) {
    spdlog::warn("{}: not every agent may get a pidfd", raised.error().message);
  }
  return std::unique_ptr<RecoveryMeans>(std::make_unique<SignalMeans>(
      *options.signal, clock, observer.tracker_capacity, random_seed()));
}

Result<std::unique_ptr<RecoveryMeans>> command_means(const RecoveryOptions& options) {
  CommandRunner::Config config;
  config.timeout_ns = options.timeout_ms * kNsPerMs;
  config.output_bytes = options.output_bytes;
  auto means = CommandMeans::open(*options.command, options.environment, config);
  if (!means) return means.error();
  return std::unique_ptr<RecoveryMeans>(std::move(means).value());
}

std::string who(const Stall& stall) {
  return "agent " + std::to_string(stall.pid) + " (" + name(stall.cause) + ")";
}

// A failure is for somebody to look at.
spdlog::level::level_enum level_of(RecoveryOutcome outcome) {
  switch (outcome) {
    case RecoveryOutcome::Signalled:
    case RecoveryOutcome::Gone:
    case RecoveryOutcome::Spawned:
    case RecoveryOutcome::CompletedZero:
    case RecoveryOutcome::DryRun: return spdlog::level::info;
    case RecoveryOutcome::CompletedNonzero:
    case RecoveryOutcome::EndedBySignal:
    case RecoveryOutcome::KilledTimeout:
    case RecoveryOutcome::KilledShutdown: return spdlog::level::warn;
    case RecoveryOutcome::SpawnFailed:
    case RecoveryOutcome::SignalFailed: return spdlog::level::err;
  }
  return spdlog::level::err;
}

template <typename Table>
void append(Totals& totals, std::string_view metric, const Table& table) {
  table.for_each([&](auto value, std::uint64_t count) {
    totals.push_back({metric, name(value), count});
  });
}

}  // namespace

Result<std::unique_ptr<RecoveryMember>> RecoveryMember::open(const RecoveryOptions& options,
                                                             const Surroundings& observer,
                                                             const Clock& clock,
                                                             AuditTrail* trail) {
  if (!options.is_on()) return std::unique_ptr<RecoveryMember>();
  auto means = options.signal ? signal_means(options, observer, clock) : command_means(options);
  if (!means) return means.error();
  return std::unique_ptr<RecoveryMember>(
      new RecoveryMember(config_of(options, observer, clock.now_ns()), std::move(means).value(),
                         clock, trail, options.shutdown_grace_ms));
}

RecoveryMember::RecoveryMember(const Recovery::Config& config, std::unique_ptr<RecoveryMeans> means,
                               const Clock& clock, AuditTrail* trail,
                               std::uint64_t shutdown_grace_ms)
    : recovery_(config, std::move(means), clock, trail, *this),
      shutdown_grace_ms_(shutdown_grace_ms) {}

// CAP_KILL for a command, too: one that became another user must still meet its deadline.
KeptPrivileges RecoveryMember::needed_privileges(const RecoveryOptions& options) {
  KeptPrivileges kept;
  if (options.is_on()) kept.capabilities.push_back(CAP_KILL);
  kept.may_exec = options.command.has_value();
  return kept;
}

void RecoveryMember::handle(const Event& event) {
  if (const auto* beat = std::get_if<Beat>(&event)) recovery_.hear(*beat);
  if (const auto* stall = std::get_if<Stall>(&event)) recovery_.handle(*stall);
}

void RecoveryMember::finish() {
  if (const auto running = recovery_.running(); running > 0) {
    spdlog::info("waiting for {} recovery command(s) to end, at most {} ms", running,
                 shutdown_grace_ms_);
  }
  recovery_.finish(shutdown_grace_ms_ * kNsPerMs);
}

// That the budget is exhausted has been said by then.
void RecoveryMember::refused(const Stall& stall, RecoveryRefusal reason) {
  const bool said = reason == RecoveryRefusal::BudgetExhausted;
  spdlog::log(said ? spdlog::level::debug : spdlog::level::warn, "recovery of {} refused: {}",
              who(stall), name(reason));
}

void RecoveryMember::reported(const RecoveryReport& report) {
  const auto level = level_of(report.outcome);
  const char* separator = report.detail.empty() ? "" : ": ";
  spdlog::log(level, "recovery of {}: {}{}{}", who(report.stall), name(report.outcome), separator,
              report.detail);
  for (const auto& line : printable_lines(report.output)) {
    spdlog::log(level, "recovery of {}: output: {}", who(report.stall), line);
  }
  if (report.discarded_bytes == 0) return;
  spdlog::log(level, "recovery of {}: output: {} more bytes (--recovery-output-bytes keeps more)",
              who(report.stall), report.discarded_bytes);
}

void RecoveryMember::budget_is_exhausted() {
  spdlog::error(
      "the recovery budget is exhausted: no agent is recovered until it allows for it again "
      "(--recovery-budget). So many stalls at once have a common cause");
}

void RecoveryMember::is_without_audit(const Error& error) {
  spdlog::error("recovery is not on record: {}", error.message);
}

void RecoveryMember::is_unprepared(const Error& error) {
  spdlog::error("an agent that stalls could not be signalled: {}", error.message);
}

void append_totals(Totals& totals, const RecoveryCounters& counters) {
  append(totals, "recovery_total", counters.outcomes);
  append(totals, "recovery_refused_total", counters.refusals);
  totals.push_back({"recovery_unaudited_total", {}, counters.unaudited});
  totals.push_back({"recovery_unrecorded_total", {}, counters.unrecorded});
  totals.push_back({"recovery_unprepared_total", {}, counters.unprepared});
}

}  // namespace hb::cli
