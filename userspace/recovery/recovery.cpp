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

void fill(AuditRecord& record, const Stall& stall) {
  record.pid = stall.pid;
  record.generation_ns = stall.generation_ns;
  record.pid_ns_inode = stall.pid_ns_inode;
  record.origin = stall.origin;
  record.cgroup_id = stall.cgroup_id;
  record.cause = stall.cause;
}

}  // namespace

Recovery::Recovery(const Config& config, std::unique_ptr<RecoveryMeans> means, const Clock& clock,
                   AuditTrail* trail, RecoveryListener& listener)
    : config_(config),
      means_(std::move(means)),
      clock_(clock),
      trail_(trail),
      listener_(listener),
      policy_(config.policy),
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
  const auto prepared = means_->hear(beat);
  if (prepared) return;
  ++counters_.unprepared;
  if (!std::exchange(unprepared_, true)) listener_.is_unprepared(prepared.error());
}

void Recovery::handle(const Stall& stall) {
  const std::uint64_t now_ns = clock_.now_ns();
  if (const auto reason = refusal(stall, now_ns)) {
    refuse(stall, *reason, now_ns);
  } else {
    act(stall, now_ns);
  }
  if (stall.cause == StallCause::Exited) means_->forget(stall);
}

std::optional<RecoveryRefusal> Recovery::refusal(const Stall& stall, std::uint64_t now_ns) {
  if (ending_) return RecoveryRefusal::ShuttingDown;
  const Decision decision = policy_.decide(stall, now_ns);
  if (const auto* refused = std::get_if<Refused>(&decision)) return refused->reason;
  return means_->refusal(stall);
}

void Recovery::refuse(const Stall& stall, RecoveryRefusal reason, std::uint64_t now_ns) {
  ++counters_.refusals[reason];
  tell_if_exhausted(stall, reason);
  listener_.refused(stall, reason);
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

void Recovery::act(const Stall& stall, std::uint64_t now_ns) {
  if (!keep(means_->intent(stall), stall) && config_.audit_required) {
    ++counters_.refusals[RecoveryRefusal::AuditUnavailable];
    listener_.refused(stall, RecoveryRefusal::AuditUnavailable);
    return;
  }
  policy_.commit(stall, now_ns);
  exhausted_ = false;
  if (config_.dry_run) {
    report({RecoveryOutcome::DryRun, stall});
  } else if (auto done = means_->act(stall, now_ns)) {
    report(std::move(*done));
  }
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
void Recovery::deny(DeniedAct denied) {
  policy_.denied(denied.acted_ns);
  ++counters_.refusals[denied.reason];
  listener_.refused(denied.stall, denied.reason);
  denied.record.kind = AuditRecord::Kind::Refused;
  denied.record.reason = name(denied.reason);
  keep(std::move(denied.record), denied.stall);
}

void Recovery::end(RecoveryReport ended, std::uint64_t now_ns) {
  policy_.completed(ended.stall, now_ns);
  report(std::move(ended));
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

void Recovery::tick(std::uint64_t now_ns) {
  while (auto ended = means_->next(now_ns)) {
    if (auto* report = std::get_if<RecoveryReport>(&*ended)) {
      end(std::move(*report), now_ns);
    } else {
      deny(std::get<DeniedAct>(std::move(*ended)));
    }
  }
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
