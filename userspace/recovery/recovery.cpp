#include "recovery/recovery.hpp"

#include <poll.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/units.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kAfterKill_ns = kNsPerSecond;
constexpr ActBudget::Config kRecordsOfRefusals = {.acts = 20, .window_ns = kNsPerSecond};

AuditRecord of_kind(AuditRecord::Kind kind, const char* reason) {
  AuditRecord record;
  record.kind = kind;
  record.reason = reason;
  return record;
}

bool was_successful(RecoveryOutcome outcome) {
  switch (outcome) {
    case RecoveryOutcome::Signalled:
    case RecoveryOutcome::Gone:
    case RecoveryOutcome::CompletedZero: return true;
    case RecoveryOutcome::Spawned:
    case RecoveryOutcome::SignalFailed:
    case RecoveryOutcome::SignalUnanswered:
    case RecoveryOutcome::SpawnFailed:
    case RecoveryOutcome::CompletedNonzero:
    case RecoveryOutcome::EndedBySignal:
    case RecoveryOutcome::KilledTimeout:
    case RecoveryOutcome::KilledShutdown:
    case RecoveryOutcome::CommandLost:
    case RecoveryOutcome::DryRun: return false;
  }
  return false;
}

void fill(AuditRecord& record, const Stall& stall) {
  record.pid = stall.pid;
  record.generation_ns = stall.generation_ns;
  record.pid_ns_inode = stall.pid_ns_inode;
  record.origin = stall.origin;
  record.cgroup_id = stall.cgroup_id;
  record.cause = stall.cause;
  record.ended = stall.exit;
  record.uid = stall.uid;
  record.comm = stall.comm.view();
}

// A signal to a process that has ended or beats again, and a restart of what has been restarted,
// are none.
bool is_needed(const Service& service, const Step& step) {
  if (step.signal() != nullptr) return service.signal_is_needed();
  return service.state() != ServiceState::Recovering || service.command_is_needed();
}

void fill(AuditRecord& record, const ServiceFacts& service, std::uint32_t attempt) {
  record.service = service.name;
  record.unit = service.unit.value_or("");
  record.user_unit = service.user_unit.value_or("");
  record.cgroup = service.cgroup.value_or("");
  record.attempt = attempt;
}

}  // namespace

Recovery::Recovery(const Config& config, std::unique_ptr<RecoveryMeans> means, ServiceNames* names,
                   const Clock& clock, AuditTrail* trail, RecoveryListener& listener)
    : config_(config),
      means_(std::move(means)),
      clock_(clock),
      trail_(trail),
      listener_(listener),
      policy_(config.policy),
      services_(config.services, names),
      records_of_refusals_(kRecordsOfRefusals) {}

Result<> Recovery::begin() {
  if (config_.audit_required && trail_ == nullptr) return Error{"there is no audit trail to keep"};
  if (trail_ == nullptr) return ok();
  AuditRecord boot = of_kind(AuditRecord::Kind::Boot, "");
  boot.dry_run = config_.dry_run;
  if (keep(boot) || !config_.audit_required) return ok();
  return Error{"the audit trail cannot be written, and --audit-required wants it to be"};
}

void Recovery::hear(const Beat& beat) {
  if (!beat.host.is_this_host()) return;
  if (beat.first_or_changed) {
    services_.hear(beat, clock_.now_ns());
    tell_changes();
  }
  const auto prepared = means_->hear(beat);
  if (prepared) return;
  ++counters_.unprepared;
  if (!std::exchange(unprepared_, true)) listener_.is_unprepared(prepared.error());
}

void Recovery::handle(const Stall& stall) {
  const std::uint64_t now_ns = clock_.now_ns();
  if (ending_) {
    tell_refusal(stall, RecoveryRefusal::ShuttingDown, now_ns);
  } else if (!stall.host.is_this_host()) {
    // Its pid must not be taken for that of a process here, nor of a service's.
    tell_refusal(stall, RecoveryRefusal::RemoteHost, now_ns);
  } else {
    take(stall, refusal_for_good(stall, now_ns), now_ns);
  }
  if (stall.cause == StallCause::Exited) means_->forget(stall);  // of a process here
}

void Recovery::take(const Stall& stall, std::optional<RecoveryRefusal> for_good,
                    std::uint64_t now_ns) {
  switch (services_.fail(stall, !for_good, now_ns)) {
    case Services::Taken::Yes: break;
    case Services::Taken::Unwanted: tell_refusal(stall, *for_good, now_ns); break;
    case Services::Taken::Full: tell_refusal(stall, RecoveryRefusal::DebounceFull, now_ns); break;
  }
  drive(now_ns);
}

// No service is remembered for what nobody could ever do anything about.
std::optional<RecoveryRefusal> Recovery::refusal_for_good(const Stall& stall,
                                                          std::uint64_t now_ns) {
  const Decision decision = policy_.decide(stall, now_ns);
  const auto* refused = std::get_if<Refused>(&decision);
  if (refused == nullptr || passes_with_time(refused->reason)) return std::nullopt;
  return refused->reason;
}

void Recovery::drive(std::uint64_t now_ns) {
  tell_changes();
  if (ending_) return;
  services_.begin_round();
  while (Served* served = services_.next_wanting(now_ns)) drive(*served, now_ns);
  tell_changes();
}

void Recovery::drive(Served& served, std::uint64_t now_ns) {
  Service& service = served.service;
  const bool is_first = service.state() == ServiceState::Down;
  if (is_first) served.is_paid = served.has_acted = false;
  const Stall stall = service.wants(now_ns)->stall;
  const std::size_t place = is_first ? 0 : service.step();
  const Step& step = served.policy->steps[place];
  const RecoveryTarget target{stall, served.facts, step,
                              is_first ? service.attempt() + 1 : service.attempt()};
  if (!is_needed(service, step)) {
    services_.note(served, service.skipped(now_ns));
  } else if (const auto reason = refusal(served, target, now_ns)) {
    refuse(served, target, *reason, now_ns);
  } else {
    act(served, target, now_ns);
  }
}

// The first act of an attempt is taken from the budgets, for all of it.
std::optional<RecoveryRefusal> Recovery::refusal(const Served& served, const RecoveryTarget& target,
                                                 std::uint64_t now_ns) {
  if (config_.reach != nullptr && !config_.reach->is_reachable(now_ns)) {
    return RecoveryRefusal::ObserverUnreachable;
  }
  if (may_dump_core(served, target.stall, now_ns)) return RecoveryRefusal::DumpingCore;
  if (!served.is_paid) {
    const Decision decision = policy_.decide(target.stall, now_ns);
    if (const auto* refused = std::get_if<Refused>(&decision)) return refused->reason;
    const bool is_within = !served.budget || served.budget->allows(now_ns);
    if (!is_within) return RecoveryRefusal::ServiceBudgetExhausted;
  }
  return means_->refusal(target);
}

// A signal would end the dump, and so would a service manager that is told to restart it.
bool Recovery::may_dump_core(const Served& served, const Stall& stall, std::uint64_t now_ns) const {
  if (config_.core_dumps == nullptr || stall.cause == StallCause::Exited) return false;
  const auto since_ns = config_.core_dumps->since_ns(stall);
  // The signal may have come after `now_ns` was read.
  return since_ns && now_ns < *since_ns + served.policy->rules.core_wait_ns;
}

// A step that can never be taken makes way for the next one. If none of them all can be taken for
// this process, another one of the service has its turn.
void Recovery::refuse(Served& served, const RecoveryTarget& target, RecoveryRefusal reason,
                      std::uint64_t now_ns) {
  const auto number = static_cast<std::uint8_t>(reason);
  const bool is_told = std::exchange(served.told_refusal, number) == number;
  const bool is_last = &target.step == &served.policy->steps.back();
  if (passes_with_time(reason)) {
    served.service.refused(now_ns);
  } else if (is_last && !served.has_acted) {
    services_.note(served, served.service.give_up(now_ns));
  } else {
    services_.note(served, served.service.skipped(now_ns));
  }
  if (!is_told) tell_refusal(target.stall, reason, now_ns);
}

void Recovery::tell_refusal(const Stall& stall, RecoveryRefusal reason, std::uint64_t now_ns) {
  ++counters_.refusals[reason];
  tell_if_exhausted(stall, reason);
  listener_.refused(stall, reason);
  if (reason == RecoveryRefusal::AuditUnavailable) return;
  if (!records_of_refusals_.allows(now_ns)) {
    ++counters_.unrecorded;
    return;
  }
  records_of_refusals_.spend(now_ns);
  keep(of_kind(AuditRecord::Kind::Refused, name(reason)), stall);
}

void Recovery::tell_if_exhausted(const Stall& stall, RecoveryRefusal reason) {
  const bool all = reason == RecoveryRefusal::BudgetExhausted;
  if (all && !std::exchange(exhausted_, true)) listener_.budget_is_exhausted();
  const bool of_uid = reason == RecoveryRefusal::UidBudgetExhausted;
  if (of_uid && policy_.is_news(stall)) listener_.uid_budget_is_exhausted(stall);
}

void Recovery::act(Served& served, const RecoveryTarget& target, std::uint64_t now_ns) {
  if (!keep(means_->intent(target), target) && config_.audit_required) {
    refuse(served, target, RecoveryRefusal::AuditUnavailable, now_ns);
    return;
  }
  served.told_refusal = Served::kNoRefusal;
  const bool pays = !std::exchange(served.is_paid, true);
  if (pays) pay(served, target.stall, now_ns);
  exhausted_ = false;
  if (config_.dry_run) {
    report({RecoveryOutcome::DryRun, target.stall});
    served.service.give_up(now_ns);
    return;
  }
  auto done = means_->act(target, now_ns);
  if (done && done->outcome == RecoveryOutcome::SpawnFailed) {
    if (pays) give_back(served, target.stall, now_ns);
    served.is_paid = !pays;
    not_begun(served, now_ns);
    report(std::move(*done));
    return;
  }
  served.service.begun(now_ns);
  served.has_acted = true;
  served.acting_on = process_of(target.stall);
  if (!done) return;
  const bool goes_on = done->outcome == RecoveryOutcome::Spawned;
  goes_on ? report(std::move(*done)) : end(std::move(*done), now_ns);
}

void Recovery::pay(Served& served, const Stall& stall, std::uint64_t now_ns) {
  policy_.commit(stall, now_ns);
  if (served.budget) served.budget->spend(now_ns);
}

void Recovery::give_back(Served& served, const Stall& stall, std::uint64_t now_ns) {
  policy_.not_begun(stall, now_ns);
  if (served.budget) served.budget->give_back(now_ns);
}

// A later step that cannot be begun has failed: the attempt goes on.
void Recovery::not_begun(Served& served, std::uint64_t now_ns) {
  if (served.service.state() == ServiceState::Down) return served.service.not_begun(now_ns);
  served.service.begun(now_ns);
  services_.note(served, served.service.ended(false, now_ns, now_ns));
}

// A command that has only just begun was announced by the record of its intent.
void Recovery::report(RecoveryReport report) {
  ++counters_.outcomes[report.outcome];
  listener_.reported(report);
  if (report.outcome == RecoveryOutcome::Spawned) return;
  report.record.kind = AuditRecord::Kind::Complete;
  report.record.reason = name(report.outcome);
  keep(std::move(report.record), report.stall);
}

// Always on record: the record of its intent is there, and the budgets bound how many there are.
void Recovery::deny(DeniedAct denied, std::uint64_t now_ns) {
  policy_.denied(denied.acted_ns);
  ++counters_.refusals[denied.reason];
  listener_.refused(denied.stall, denied.reason);
  if (Served* served = services_.acting_on(process_of(denied.stall))) {
    served->acting_on.reset();
    Service& service = served->service;
    const bool is_last = service.step() + 1 == served->policy->steps.size();
    services_.note(*served,
                   is_last ? service.give_up(now_ns) : service.ended(false, now_ns, now_ns));
  }
  denied.record.kind = AuditRecord::Kind::Refused;
  denied.record.reason = name(denied.reason);
  keep(std::move(denied.record), denied.stall);
}

void Recovery::end(RecoveryReport ended, std::uint64_t now_ns) {
  policy_.completed(ended.stall, now_ns);
  const bool succeeded = was_successful(ended.outcome);
  Served* served = services_.acting_on(process_of(ended.stall));
  if (served != nullptr) fill(ended.record, served->facts, served->service.attempt());
  report(std::move(ended));
  if (served == nullptr) return;
  served->acting_on.reset();
  const Step& step = served->policy->steps[served->service.step()];
  const std::uint64_t wait_ns = step.signal() != nullptr ? step.wait_ns : 0;
  services_.note(*served, served->service.ended(succeeded, now_ns, now_ns + wait_ns));
}

void Recovery::tell_changes() {
  while (const auto threshold = services_.take_threshold()) {
    listener_.has_threshold(threshold->process, threshold->ns);
  }
  while (const auto change = services_.take()) {
    ++counters_.changes[change->news];
    listener_.changed(*change);
  }
}

bool Recovery::keep(AuditRecord record, const RecoveryTarget& target) {
  fill(record, target.service, target.attempt);
  return keep(std::move(record), target.stall);
}

bool Recovery::keep(AuditRecord record, const Stall& stall) {
  fill(record, stall);
  record.dry_run = config_.dry_run;
  return keep(record);
}

bool Recovery::keep(const AuditRecord& record) {
  if (trail_ == nullptr) return true;
  const auto kept = trail_->append(record);
  if (kept) {
    without_audit_ = false;
    return true;
  }
  ++counters_.unaudited;
  if (!std::exchange(without_audit_, true)) listener_.is_without_audit(kept.error());
  return false;
}

// Once more when they can again.
void Recovery::wait_for_reach(std::uint64_t now_ns) {
  const bool is_lost = config_.reach != nullptr && config_.reach->is_lost();
  if (is_lost || was_lost_) services_.wait_longer(now_ns, config_.threshold_ns);
  was_lost_ = is_lost;
}

void Recovery::tick(std::uint64_t now_ns) {
  while (auto ended = means_->next(now_ns)) {
    if (auto* report = std::get_if<RecoveryReport>(&*ended)) {
      end(std::move(*report), now_ns);
    } else {
      deny(std::get<DeniedAct>(std::move(*ended)), now_ns);
    }
  }
  wait_for_reach(now_ns);
  services_.tick(now_ns);
  drive(now_ns);
}

std::uint64_t Recovery::wake_ns() const { return std::min(means_->wake_ns(), services_.wake_ns()); }

void Recovery::reset() {
  services_.reset(clock_.now_ns());
  drive(clock_.now_ns());
}

void Recovery::finish(std::uint64_t grace_ns) {
  ending_ = true;
  wait_for_running(clock_.now_ns() + grace_ns);
  means_->kill_all();
  wait_for_running(clock_.now_ns() + kAfterKill_ns);
}

void Recovery::wait_for_running(std::uint64_t until_ns) {
  for (;;) {
    const std::uint64_t now_ns = clock_.now_ns();
    tick(now_ns);
    if (means_->running() == 0 || now_ns >= until_ns) return;
    const std::uint64_t wake_ns = std::clamp(means_->wake_ns(), now_ns, until_ns);
    const std::uint64_t rest_ns = wake_ns - now_ns;
    const timespec timeout{static_cast<time_t>(rest_ns / kNsPerSecond),
                           static_cast<long>(rest_ns % kNsPerSecond)};
    pollfd polled{means_->fd(), POLLIN, 0};
    ::ppoll(&polled, 1, &timeout, nullptr);
  }
}

}  // namespace hb
