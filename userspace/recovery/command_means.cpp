#include "recovery/command_means.hpp"

#include <string>
#include <utility>

#include "recovery/pidfd.hpp"

namespace hb {
namespace {

RecoveryOutcome outcome_of(const EndedCommand& ended) {
  switch (ended.why) {
    case EndedCommand::Why::Deadline: return RecoveryOutcome::KilledTimeout;
    case EndedCommand::Why::Shutdown: return RecoveryOutcome::KilledShutdown;
    case EndedCommand::Why::Lost: return RecoveryOutcome::CommandLost;
    case EndedCommand::Why::ByItself: break;
  }
  if (ended.exit.signal) return RecoveryOutcome::EndedBySignal;
  return ended.exit.code == 0 ? RecoveryOutcome::CompletedZero : RecoveryOutcome::CompletedNonzero;
}

std::string in_words(const EndedCommand& ended) {
  if (ended.why == EndedCommand::Why::Lost) return "it may still run";
  const ExitStatus& exit = ended.exit;
  if (exit.signal) return "signal " + std::to_string(*exit.signal);
  return "exit code " + std::to_string(exit.code.value_or(0));
}

}  // namespace

CommandMeans::CommandMeans(std::unique_ptr<ForkedRunner> runner, std::shared_ptr<PidfdTable> pidfds,
                           const Config& config)
    : uid_of_pid_(config.uid_of_pid),
      uids_are_initial_(config.uids_are_initial),
      require_same_uid_(config.require_same_uid),
      pidfds_(std::move(pidfds)),
      runner_(std::move(runner)) {}

// A command can be run without a pidfd, but where the uids must be known to be equal.
Result<> CommandMeans::hear(const Beat& beat) {
  auto heard = pidfds_->hear(beat);
  return require_same_uid_ ? heard : ok();
}

std::optional<RecoveryRefusal> CommandMeans::refusal(const RecoveryTarget& target) {
  const Stall& stall = target.stall;
  if (!target.step.command()->argv_for(target)) return RecoveryRefusal::UnknownUnit;
  if (require_same_uid_ && !has_same_uid(stall)) return RecoveryRefusal::CredentialsChanged;
  if (runner_->is_running_for(process_of(stall))) return RecoveryRefusal::Debounced;
  if (!runner_->has_room()) return RecoveryRefusal::TooManyRunning;
  return std::nullopt;
}

AuditRecord CommandMeans::intent(const RecoveryTarget& target) const {
  AuditRecord record;
  record.kind = AuditRecord::Kind::Spawn;
  record.argv = target.step.command()->argv_for(target).value_or(std::vector<std::string>{});
  return record;
}

// What has ended has no authority left that could have changed.
bool CommandMeans::has_same_uid(const Stall& stall) const {
  if (stall.cause == StallCause::Exited) return true;
  return stall.uid && uid_now(stall) == stall.uid;
}

// The other way goes by the pid. That it was this process's all the while is what its pidfd says:
// one that lives afterwards has not given its pid away before.
std::optional<std::uint32_t> CommandMeans::uid_now(const Stall& stall) const {
  const auto found = pidfds_->find(process_of(stall));
  const auto* proven = std::get_if<const Fd*>(&found);
  if (proven == nullptr || !uids_are_initial_) return std::nullopt;
  if (const auto uid = real_uid(**proven)) return uid;
  const auto uid = uid_of_pid_ ? uid_of_pid_(stall.pid) : std::nullopt;
  return has_exited(**proven) ? std::nullopt : uid;
}

std::optional<RecoveryReport> CommandMeans::act(const RecoveryTarget& target,
                                                std::uint64_t now_ns) {
  const Stall& stall = target.stall;
  const auto started = runner_->start(target, uid_now(stall), now_ns);
  RecoveryReport report{RecoveryOutcome::Spawned, stall};
  if (started) {
    report.record.child_pid = started.value();
    report.detail = "as process " + std::to_string(started.value());
  } else {
    report.outcome = RecoveryOutcome::SpawnFailed;
    report.detail = started.error().message;
  }
  return report;
}

std::optional<RecoveryMeans::Ended> CommandMeans::next(std::uint64_t now_ns) {
  runner_->look(now_ns);
  auto ended = runner_->take();
  if (!ended) return std::nullopt;
  RecoveryReport report{outcome_of(*ended), ended->stall, in_words(*ended)};
  report.record.child_pid = ended->pid;
  report.record.exit_code = ended->exit.code;
  report.record.exit_signal = ended->exit.signal;
  report.output = std::move(ended->output);
  report.discarded_bytes = ended->discarded_bytes;
  return report;
}

}  // namespace hb
