#include "recovery/signal_means.hpp"

#include <cerrno>
#include <string>

#include "recovery/pidfd.hpp"

namespace hb {
namespace {

using Kind = SignalAnswer::Kind;

constexpr const char* kLost = "the process that sends signals has ended: restart the observer";

RecoveryOutcome outcome_of(const EndedSignal& ended) {
  switch (ended.kind) {
    case Kind::Sent:
      if (ended.code == 0) return RecoveryOutcome::Signalled;
      return ended.code == ESRCH ? RecoveryOutcome::Gone : RecoveryOutcome::SignalFailed;
    case Kind::NotSent: return RecoveryOutcome::SignalFailed;
    case Kind::Killed:
    case Kind::TimedOut: return RecoveryOutcome::SignalUnanswered;
  }
  return RecoveryOutcome::SignalFailed;
}

AuditRecord record_of(int signal) {
  AuditRecord record;
  record.kind = AuditRecord::Kind::Signal;
  record.signal = signal;
  return record;
}

std::string in_words(const EndedSignal& ended) {
  const std::string uid = std::to_string(ended.stall.uid.value_or(0));
  switch (ended.kind) {
    case Kind::Sent:
      if (ended.code == 0) return {};
      return os_error(ended.code, "cannot send signal " + std::to_string(ended.signal)).message;
    case Kind::NotSent:
      if (ended.code == EPIPE) return kLost;
      return os_error(ended.code, "no process of uid " + uid + " could be had to send it").message;
    case Kind::Killed:
      return "its sender, a process of uid " + uid + ", was killed by signal " +
             std::to_string(ended.code);
    case Kind::TimedOut:
      return "its sender, a process of uid " + uid + ", did not end in time (was it stopped?)";
  }
  return {};
}

}  // namespace

Result<> SignalMeans::hear(const Beat& beat) {
  auto heard = pidfds_->hear(beat);
  return signaller_->is_lost() ? Result<>(Error{kLost, EPIPE}) : heard;
}

std::optional<RecoveryRefusal> SignalMeans::refusal(const RecoveryTarget& target) {
  const Stall& stall = target.stall;
  if (!stall.uid) return RecoveryRefusal::UidUnknown;
  if (!signaller_->authority().covers(*stall.uid)) return RecoveryRefusal::CannotActAsUid;
  const auto found = pidfds_->find(process_of(stall));
  if (const auto* reason = std::get_if<RecoveryRefusal>(&found)) return *reason;
  if (!signaller_->has_room_for(*stall.uid)) return RecoveryRefusal::TooManyRunning;
  return std::nullopt;
}

AuditRecord SignalMeans::intent(const RecoveryTarget& target) const {
  return record_of(*target.step.signal());
}

// A process that has ended but was not waited for would take the signal without a word.
std::optional<RecoveryReport> SignalMeans::act(const RecoveryTarget& target, std::uint64_t now_ns) {
  const Stall& stall = target.stall;
  const auto found = pidfds_->find(process_of(stall));
  const Fd& pidfd = *std::get<const Fd*>(found);
  if (has_exited(pidfd)) {
    pidfds_->forget(process_of(stall));
    return RecoveryReport{RecoveryOutcome::Gone, stall, "it has ended", intent(target)};
  }
  signaller_->send(pidfd, *stall.uid, *target.step.signal(), stall, now_ns);
  return std::nullopt;
}

std::optional<RecoveryMeans::Ended> SignalMeans::next(std::uint64_t now_ns) {
  const auto ended = signaller_->next(now_ns);
  if (!ended) return std::nullopt;
  const Stall& stall = ended->stall;
  if (ended->kind == Kind::Sent && ended->code == EPERM) {
    return DeniedAct{RecoveryRefusal::CredentialsChanged, stall, ended->acted_ns,
                     record_of(ended->signal)};
  }
  const RecoveryOutcome outcome = outcome_of(*ended);
  if (outcome == RecoveryOutcome::Gone) pidfds_->forget(process_of(stall));
  return RecoveryReport{outcome, stall, in_words(*ended), record_of(ended->signal)};
}

}  // namespace hb
