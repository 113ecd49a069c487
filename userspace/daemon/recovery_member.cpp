#include "daemon/recovery_member.hpp"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "base/units.hpp"
#include "daemon/policy_source.hpp"
#include "observer/tracker.hpp"
#include "procfs/user_ids.hpp"
#include "recovery/command_means.hpp"
#include "recovery/pidfd.hpp"
#include "recovery/printable.hpp"
#include "recovery/signal_means.hpp"
#include "recovery/step_means.hpp"
#include "report/host_text.hpp"

namespace hb::daemon {
namespace {

Recovery::Config config_of(const RecoveryConfig& options, Policies policies,
                           const RecoveryMember::ObserverFacts& observer,
                           const CoreDumps& core_dumps, std::uint64_t now_ns) {
  Recovery::Config config;
  config.core_dumps = &core_dumps;
  config.reach = observer.reach;
  config.threshold_ns = observer.threshold_ms * kNsPerMs;
  RecoveryPolicy::Config& policy = config.policy;
  policy.signals = !options.may_run_commands();
  policy.accept_unauthenticated = options.accept_unauthenticated;
  policy.observer_ns_inode = observer.observer_ns_inode.value_or(0);
  policy.allow_cross_namespace = observer.allow_cross_namespace;
  const std::uint64_t grace_ms = observer.goes_on ? 0 : observer.threshold_ms;
  policy.act_from_ns = now_ns + options.startup_grace_ms.value_or(grace_ms) * kNsPerMs;
  policy.debounce_ns = options.debounce_ms * kNsPerMs;
  policy.debounce_capacity = observer.tracker_capacity;
  policy.budget = options.budget;
  policy.budget_per_uid = options.budget_per_uid;
  policy.seed = random_seed();
  config.services = {std::move(policies), observer.tracker_capacity, random_seed()};
  config.dry_run = options.dry_run;
  config.audit_required = options.audit_required;
  return config;
}

PidfdTable::Config pidfds(const RecoveryMember::ObserverFacts& observer) {
  const std::size_t room = room_for_pidfds(descriptor_limit());
  return {std::min<std::size_t>(observer.tracker_capacity, room), random_seed()};
}

CommandMeans::Config commands_of(const RecoveryConfig& options) {
  return {.uid_of_pid = real_uid_of,
          .uids_are_initial = uids_mean_the_same(),
          .require_same_uid = options.require_same_uid};
}

Result<std::unique_ptr<RecoveryMeans>> means_of(const RecoveryConfig& options,
                                                const RecoveryMember::ObserverFacts& observer,
                                                PreparedRecovery& prepared, const Clock& clock) {
  const auto table = std::make_shared<PidfdTable>(clock, pidfds(observer));
  std::unique_ptr<SignalMeans> signals;
  if (options.may_signal()) {
    signals = std::make_unique<SignalMeans>(std::move(prepared.signaller), table);
  }
  std::unique_ptr<CommandMeans> commands;
  if (options.may_run_commands()) {
    commands =
        std::make_unique<CommandMeans>(std::move(prepared.runner), table, commands_of(options));
  }
  auto means = StepMeans::open(std::move(signals), std::move(commands));
  if (!means) return means.error();
  return std::unique_ptr<RecoveryMeans>(std::move(means).value());
}

std::string uid_of(const Stall& stall) {
  return stall.uid ? "uid " + std::to_string(*stall.uid) : "unknown uid";
}

std::string why(RecoveryRefusal reason, const Stall& stall) {
  if (reason != RecoveryRefusal::CredentialsChanged) return name(reason);
  return std::string(name(reason)) + ": it may not be the process of " + uid_of(stall) +
         " any more that it was at its last beat";
}

std::string who(const Stall& stall) {
  const std::string comm = stall.comm.is_known() ? " " + printable(stall.comm.view()) : "";
  const std::string host =
      stall.host.is_this_host() ? "" : " at " + std::string(host_text(stall.host).view());
  return "agent " + std::to_string(stall.pid) + host + comm + " (" + name(stall.cause) + ")";
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
    case RecoveryOutcome::SignalUnanswered:
    case RecoveryOutcome::CommandLost:
    case RecoveryOutcome::SpawnFailed:
    case RecoveryOutcome::SignalFailed: return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

Result<std::unique_ptr<RecoveryMember>> RecoveryMember::open(const RecoveryConfig& options,
                                                             const ObserverFacts& facts,
                                                             PreparedRecovery prepared,
                                                             Observer& observer, const Clock& clock,
                                                             AuditTrail* trail) {
  if (!options.is_on()) return std::unique_ptr<RecoveryMember>();
  auto means = means_of(options, facts, prepared, clock);
  if (!means) return means.error();
  std::unique_ptr<RecoveryMember> member(
      new RecoveryMember(options, facts, std::move(prepared.policies), std::move(means).value(),
                         std::move(prepared.cgroups), observer, clock, trail));
  if (auto watched = member->watch_descriptors(); !watched) return watched.error();
  return member;
}

RecoveryMember::RecoveryMember(const RecoveryConfig& options, const ObserverFacts& facts,
                               Policies policies, std::unique_ptr<RecoveryMeans> means,
                               std::unique_ptr<CgroupServices> cgroups, Observer& observer,
                               const Clock& clock, AuditTrail* trail)
    : options_(options),
      facts_(facts),
      core_dumps_(facts.attempts),
      observer_(observer),
      policies_(policies),
      cgroups_(std::move(cgroups)),
      recovery_(config_of(options, std::move(policies), facts, core_dumps_, clock.now_ns()),
                std::move(means), cgroups_.get(), clock, trail, *this) {}

std::optional<std::uint64_t> RecoveryMember::KernelCoreDumps::since_ns(const Stall& stall) const {
  if (attempts_ == nullptr || stall.generation_ns == 0) return std::nullopt;
  return attempts_->fatal_since_ns(stall.kernel_slot, stall.generation_ns);
}

void RecoveryMember::reopen() {
  if (options_.policy_file) read_policies_anew();
  recovery_.reset();
}

// All or nothing: a file with a mistake changes nothing.
void RecoveryMember::read_policies_anew() {
  auto read = read_policies_again();
  if (!read) {
    spdlog::error("{}; the policies stay as they are", read.error().message);
    return;
  }
  const Policies before = std::exchange(policies_, std::move(read).value());
  spdlog::info("policy file {}: {} service(s); changed since the last time: {}",
               *options_.policy_file, policies_.all().size(), difference(before, policies_));
  recovery_.replace_policies(policies_);
  set_thresholds();
}

// How often frames are read is decided at the start, by the shortest threshold.
Result<Policies> RecoveryMember::read_policies_again() const {
  auto read = read_policies(options_, facts_.threshold_ms);
  if (!read) return read;
  const auto shortest_ns = read.value().shortest_threshold_ns();
  if (!shortest_ns || *shortest_ns / kNsPerMs >= facts_.shortest_threshold_ms) return read;
  return Error{*options_.policy_file + ": threshold-ms = " +
               std::to_string(*shortest_ns / kNsPerMs) + " is shorter than all of the start (" +
               std::to_string(facts_.shortest_threshold_ms) + "): restart the observer for it"};
}

// Of the agents for which it has changed. They get the default first, since at most so many
// thresholds are in use at a time.
void RecoveryMember::set_thresholds() {
  const std::uint64_t default_ns = facts_.threshold_ms * kNsPerMs;
  std::vector<Observer::Agent> changed;
  for (Observer::Agent& agent : observer_.known_agents()) {
    const ProcessKey process{agent.pid, agent.generation_ns};
    const std::uint64_t own_ns =
        recovery_.threshold_ns(agent.cgroup_id, process, {agent.uid, agent.comm});
    const std::uint64_t wanted_ns = own_ns != 0 ? own_ns : default_ns;
    if (std::exchange(agent.threshold_ns, wanted_ns) != wanted_ns) changed.push_back(agent);
  }
  for (const auto& agent : changed) has_threshold({agent.pid, agent.generation_ns}, default_ns);
  for (const auto& agent : changed) {
    has_threshold({agent.pid, agent.generation_ns}, agent.threshold_ns);
  }
}

void RecoveryMember::has_threshold(const ProcessKey& process, std::uint64_t threshold_ns) {
  observer_.set_threshold(process.pid, process.generation_ns, threshold_ns);
}

Result<> RecoveryMember::watch_descriptors() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  const int made = errno;
  if (!epoll_) return os_error(made, "recovery: epoll_create1");
  for (const int fd : {recovery_.fd(), cgroups_ ? cgroups_->fd() : -1}) {
    if (fd < 0) continue;
    epoll_event readable{};
    readable.events = EPOLLIN;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &readable) != 0) {
      const int code = errno;
      return os_error(code, "recovery: epoll_ctl");
    }
  }
  return ok();
}

void RecoveryMember::tick(std::uint64_t now_ns) {
  recovery_.tick(now_ns);
  if (!cgroups_ || !cgroups_->problem() || std::exchange(has_told_problem_, true)) return;
  spdlog::error("recovery: {}: each agent is a service of its own from now on",
                cgroups_->problem()->message);
}

void RecoveryMember::handle(const Event& event) {
  if (const auto* beat = std::get_if<Beat>(&event)) recovery_.hear(*beat);
  if (const auto* stall = std::get_if<Stall>(&event)) recovery_.handle(*stall);
}

void RecoveryMember::finish() {
  if (const auto running = recovery_.running(); running > 0) {
    spdlog::info("waiting for {} recovery act(s) to end, at most {} ms", running,
                 options_.shutdown_grace_ms);
  }
  recovery_.finish(options_.shutdown_grace_ms * kNsPerMs);
}

// That a budget is exhausted has been said by then.
void RecoveryMember::refused(const Stall& stall, RecoveryRefusal reason) {
  const bool said =
      reason == RecoveryRefusal::BudgetExhausted || reason == RecoveryRefusal::UidBudgetExhausted;
  spdlog::log(said ? spdlog::level::debug : spdlog::level::warn, "recovery of {} refused: {}",
              who(stall), why(reason, stall));
}

void RecoveryMember::reported(const RecoveryReport& report) {
  if (listen_) listen_(report);
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

void RecoveryMember::changed(const Services::Change& change) {
  const std::string service = printable(change.served->facts.name);
  switch (change.news) {
    case ServiceNews::WentDown: spdlog::info("service {} is down", service); return;
    case ServiceNews::Flapped:
      spdlog::warn("service {} is flapping: it is down again soon after it was recovered", service);
      return;
    case ServiceNews::RecoveredElsewhere:
      spdlog::info("service {} is healthy again without recovery", service);
      return;
    case ServiceNews::Stopped:
      spdlog::info(
          "service {} was stopped: its process ended in a way that --recovery-on leaves out",
          service);
      return;
    case ServiceNews::Recovered:
      spdlog::info("service {} is recovered, by attempt {}", service, change.attempt);
      return;
    case ServiceNews::Ended: spdlog::info("service {} has ended", service); return;
    case ServiceNews::AttemptFailed:
      spdlog::warn("service {}: attempt {} to recover it has failed", service, change.attempt);
      return;
    case ServiceNews::GaveUp:
      spdlog::error(
          "service {} is given up after {} attempts: it is left alone until it beats again or "
          "SIGHUP is sent to the observer",
          service, change.attempt);
      return;
  }
}

void RecoveryMember::budget_is_exhausted() {
  spdlog::error(
      "the recovery budget is exhausted: no agent is recovered until it allows for it again "
      "(--recovery-budget). So many stalls at once have a common cause");
}

void RecoveryMember::uid_budget_is_exhausted(const Stall& stall) {
  spdlog::error(
      "the recovery budget of {} is exhausted: none of its agents is recovered until it allows for "
      "it again (--recovery-budget-per-uid). Those of other users are",
      uid_of(stall));
}

void RecoveryMember::is_without_audit(const Error& error) {
  spdlog::error("recovery is not on record: {}", error.message);
}

void RecoveryMember::is_unprepared(const Error& error) {
  spdlog::error("an agent that stalls could not be recovered: {}", error.message);
}

void append_totals(Totals& totals, const RecoveryCounters& counters) {
  append(totals, RecoveryCounters::kOutcomes, counters.outcomes);
  append(totals, RecoveryCounters::kRefusals, counters.refusals);
  append(totals, RecoveryCounters::kChanges, counters.changes);
  append(totals, RecoveryCounters::kUnaudited, counters.unaudited);
  append(totals, RecoveryCounters::kUnrecorded, counters.unrecorded);
  append(totals, RecoveryCounters::kUnprepared, counters.unprepared);
}

}  // namespace hb::daemon
