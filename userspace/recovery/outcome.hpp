// What became of a stall: acted upon, with an outcome, or refused, for a reason. Both are closed
// sets; their names are those of logs, metrics and the audit trail.
#pragma once

#include <cstdint>

#include "base/enum_values.hpp"

namespace hb {

// Of an act. A command that was started counts twice: as Spawned, and as the way it ended.
enum class RecoveryOutcome : std::uint8_t {
  Signalled,         // the process was alive, and the kernel took the signal for it
  Gone,              // the process that stalled is no more; whoever has its pid now was left alone
  SignalFailed,      // the kernel refused the signal, or nobody could be had to send it
  SignalUnanswered,  // whoever was to send it was stopped or killed before it said what came of it
  Spawned,           // the command runs
  SpawnFailed,       // it could not be executed
  CompletedZero,     // it ended with exit code 0
  CompletedNonzero,  // or with another one
  EndedBySignal,     // or by a signal that was not ours
  KilledTimeout,     // it was still running at its deadline, and was made to end
  KilledShutdown,    // or when the observer ended
  CommandLost,       // whoever ran it has ended, or not said in time what became of it
  DryRun,            // all of it but the act
};

// In the order in which it is asked.
enum class RecoveryRefusal : std::uint8_t {
  ShuttingDown,            // the observer is ending
  RemoteHost,              // it is a process of another host: its pid means another one here
  OriginUnattested,        // nobody vouches for who sent its beats
  NamespaceUnknown,        // its PID namespace, or the observer's own, is not known
  NamespaceForeign,        // another PID namespace, without --allow-cross-namespace-agents
  GenerationUnknown,       // the pid is known, but not which of the processes that had it
  AlreadyExited,           // a signal for a process that has ended
  StartupGrace,            // the observer has just started
  ObserverUnreachable,     // agents cannot reach the observer
  Debounced,               // this very process was acted upon just before
  DebounceFull,            // too many services or acts were to be remembered
  UidBudgetExhausted,      // too many acts in too short a time, for agents of one user
  UidBudgetFull,           // too many were to be remembered
  BudgetExhausted,         // too many acts in too short a time, over all agents
  ServiceBudgetExhausted,  // too many attempts in too short a time, for this service
  UnknownUnit,         // a command that names what nobody knows of the service (recovery/README.md)
  UidUnknown,          // a signal, and no stamp says which user's authority it is to have
  CannotActAsUid,      // a signal, and the observer cannot act as the agent's user
  NoPidfd,             // no descriptor refers to the process
  GenerationUnproven,  // one does, but it may be another process with that pid
  CredentialsChanged,  // the process is not, or not surely, the user's any more whose beats it sent
  DumpingCore,         // it has a fatal signal and may be writing its core dump
  TooManyRunning,      // of the commands, or of the signals under way
  AuditUnavailable,    // no record can be kept, and one is required
};

[[nodiscard]] constexpr const char* name(RecoveryOutcome outcome) {
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
    case RecoveryOutcome::CommandLost: return "command_lost";
    case RecoveryOutcome::DryRun: return "dry_run";
  }
  return kNoName;
}

[[nodiscard]] constexpr const char* name(RecoveryRefusal reason) {
  switch (reason) {
    case RecoveryRefusal::ShuttingDown: return "shutting_down";
    case RecoveryRefusal::RemoteHost: return "remote_host";
    case RecoveryRefusal::OriginUnattested: return "origin_unattested";
    case RecoveryRefusal::NamespaceUnknown: return "namespace_unknown";
    case RecoveryRefusal::NamespaceForeign: return "namespace_foreign";
    case RecoveryRefusal::GenerationUnknown: return "generation_unknown";
    case RecoveryRefusal::AlreadyExited: return "already_exited";
    case RecoveryRefusal::StartupGrace: return "startup_grace";
    case RecoveryRefusal::ObserverUnreachable: return "observer_unreachable";
    case RecoveryRefusal::Debounced: return "debounced";
    case RecoveryRefusal::DebounceFull: return "debounce_full";
    case RecoveryRefusal::UidBudgetExhausted: return "uid_budget_exhausted";
    case RecoveryRefusal::UidBudgetFull: return "uid_budget_full";
    case RecoveryRefusal::BudgetExhausted: return "budget_exhausted";
    case RecoveryRefusal::ServiceBudgetExhausted: return "service_budget_exhausted";
    case RecoveryRefusal::UnknownUnit: return "unknown_unit";
    case RecoveryRefusal::UidUnknown: return "uid_unknown";
    case RecoveryRefusal::CannotActAsUid: return "cannot_act_as_uid";
    case RecoveryRefusal::NoPidfd: return "no_pidfd";
    case RecoveryRefusal::GenerationUnproven: return "generation_unproven";
    case RecoveryRefusal::CredentialsChanged: return "credentials_changed";
    case RecoveryRefusal::DumpingCore: return "dumping_core";
    case RecoveryRefusal::TooManyRunning: return "too_many_running";
    case RecoveryRefusal::AuditUnavailable: return "audit_unavailable";
  }
  return kNoName;
}

// Whether waiting may help. The others are about the process itself and hold until it beats again.
[[nodiscard]] constexpr bool passes_with_time(RecoveryRefusal reason) {
  switch (reason) {
    case RecoveryRefusal::ShuttingDown:
    case RecoveryRefusal::StartupGrace:
    case RecoveryRefusal::ObserverUnreachable:
    case RecoveryRefusal::Debounced:
    case RecoveryRefusal::DebounceFull:
    case RecoveryRefusal::UidBudgetExhausted:
    case RecoveryRefusal::UidBudgetFull:
    case RecoveryRefusal::BudgetExhausted:
    case RecoveryRefusal::ServiceBudgetExhausted:
    case RecoveryRefusal::DumpingCore:
    case RecoveryRefusal::TooManyRunning:
    case RecoveryRefusal::AuditUnavailable: return true;
    case RecoveryRefusal::RemoteHost:
    case RecoveryRefusal::OriginUnattested:
    case RecoveryRefusal::NamespaceUnknown:
    case RecoveryRefusal::NamespaceForeign:
    case RecoveryRefusal::GenerationUnknown:
    case RecoveryRefusal::AlreadyExited:
    case RecoveryRefusal::UnknownUnit:
    case RecoveryRefusal::UidUnknown:
    case RecoveryRefusal::CannotActAsUid:
    case RecoveryRefusal::NoPidfd:
    case RecoveryRefusal::GenerationUnproven:
    case RecoveryRefusal::CredentialsChanged: return false;
  }
  return false;
}

}  // namespace hb
