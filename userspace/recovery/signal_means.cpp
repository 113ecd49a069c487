#include "recovery/signal_means.hpp"

#include <cerrno>

#include "recovery/pidfd.hpp"

namespace hb {
namespace {

// A process that has ended but was not waited for would take the signal without a word.
Status send_to_living(const Fd& pidfd, int signal) {
  if (has_exited(pidfd)) return Error{"it has ended", ESRCH};
  return send_signal(pidfd, signal);
}

RecoveryOutcome outcome_of(const Status& sent) {
  if (sent) return RecoveryOutcome::Signalled;
  return sent.error().code == ESRCH ? RecoveryOutcome::Gone : RecoveryOutcome::SignalFailed;
}

}  // namespace

std::optional<RecoveryRefusal> SignalMeans::refusal(const Stall& stall) {
  const auto found = pidfds_.find(process_of(stall));
  if (const auto* reason = std::get_if<RecoveryRefusal>(&found)) return *reason;
  return std::nullopt;
}

AuditRecord SignalMeans::intent(const Stall& /*stall*/) const {
  AuditRecord record;
  record.kind = AuditRecord::Kind::Signal;
  record.signal = signal_;
  return record;
}

RecoveryReport SignalMeans::act(const Stall& stall, std::uint64_t /*now_ns*/) {
  const auto found = pidfds_.find(process_of(stall));
  const Status sent = send_to_living(*std::get<const Fd*>(found), signal_);
  RecoveryReport report{outcome_of(sent), stall, sent ? "" : sent.error().message, intent(stall)};
  if (report.outcome == RecoveryOutcome::Gone) pidfds_.forget(process_of(stall));
  return report;
}

}  // namespace hb
