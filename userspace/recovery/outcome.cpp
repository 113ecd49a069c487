#include "recovery/outcome.hpp"

namespace hb {

const char* name(RecoveryOutcome outcome) {
  switch (outcome) {
    case RecoveryOutcome::Signalled: return "signalled";
    case RecoveryOutcome::Gone: return "gone";
    case RecoveryOutcome::SignalFailed: return "signal_failed";
    case RecoveryOutcome::SignalUnanswered: return "signal_unanswered";
    case RecoveryOutcome::Spawned: return "spawned";
    case RecoveryOutcome::SpawnFailed: return "spawn_failed";
    case RecoveryOutcome::CompletedZero: return "completed_zero";
    case RecoveryOutcome::CompletedNonzero: return "completed_nonzero";
    case RecoveryOutcome::EndedBySignal: return "ended_by_signal";
    case RecoveryOutcome::KilledTimeout: return "killed_timeout";
    case RecoveryOutcome::KilledShutdown: return "killed_shutdown";
    case RecoveryOutcome::DryRun: return "dry_run";
  }
  return "unknown";
}

const char* name(RecoveryRefusal reason) {
  switch (reason) {
    case RecoveryRefusal::ShuttingDown: return "shutting_down";
    case RecoveryRefusal::OriginUnattested: return "origin_unattested";
    case RecoveryRefusal::NamespaceUnknown: return "namespace_unknown";
    case RecoveryRefusal::NamespaceForeign: return "namespace_foreign";
    case RecoveryRefusal::GenerationUnknown: return "generation_unknown";
    case RecoveryRefusal::AlreadyExited: return "already_exited";
    case RecoveryRefusal::StartupGrace: return "startup_grace";
    case RecoveryRefusal::Debounced: return "debounced";
    case RecoveryRefusal::DebounceFull: return "debounce_full";
    case RecoveryRefusal::UidBudgetExhausted: return "uid_budget_exhausted";
    case RecoveryRefusal::UidBudgetFull: return "uid_budget_full";
    case RecoveryRefusal::BudgetExhausted: return "budget_exhausted";
    case RecoveryRefusal::UidUnknown: return "uid_unknown";
    case RecoveryRefusal::CannotActAsUid: return "cannot_act_as_uid";
    case RecoveryRefusal::NoPidfd: return "no_pidfd";
    case RecoveryRefusal::GenerationUnproven: return "generation_unproven";
    case RecoveryRefusal::CredentialsChanged: return "credentials_changed";
    case RecoveryRefusal::TooManyRunning: return "too_many_running";
    case RecoveryRefusal::AuditUnavailable: return "audit_unavailable";
  }
  return "unknown";
}

}  // namespace hb
