#include "recovery/command_means.hpp"

#include <algorithm>
#include <utility>

#include "recovery/pidfd.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kTerminalNonce = ~std::uint64_t{0};
constexpr const char* kPath = "PATH=/usr/bin:/bin";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
constexpr std::string_view kDigits = "0123456789";

bool is_name(std::string_view name) {
  const auto fits = [](char c) {
    return kLetters.find(c) != std::string_view::npos || kDigits.find(c) != std::string_view::npos;
  };
  return !name.empty() && kDigits.find(name.front()) == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), fits);
}

RecoveryOutcome outcome_of(const EndedCommand& ended) {
  switch (ended.why) {
    case EndedCommand::Why::Deadline: return RecoveryOutcome::KilledTimeout;
    case EndedCommand::Why::Shutdown: return RecoveryOutcome::KilledShutdown;
    case EndedCommand::Why::ByItself: break;
  }
  if (ended.exit.signal) return RecoveryOutcome::EndedBySignal;
  return ended.exit.code == 0 ? RecoveryOutcome::CompletedZero : RecoveryOutcome::CompletedNonzero;
}

template <typename Number>
std::string number_or_nothing(const std::optional<Number>& number) {
  return number ? std::to_string(*number) : std::string();
}

std::string in_words(const ExitStatus& exit) {
  if (exit.signal) return "signal " + std::to_string(*exit.signal);
  return "exit code " + std::to_string(exit.code.value_or(0));
}

}  // namespace

Result<std::unique_ptr<CommandMeans>> CommandMeans::open(
    const std::vector<std::string>& environment, std::shared_ptr<PidfdTable> pidfds,
    const Config& config) {
  auto runner = CommandRunner::open(config.runner);
  if (!runner) return runner.error();
  return std::unique_ptr<CommandMeans>(
      new CommandMeans(environment, std::move(pidfds), config, std::move(runner).value()));
}

CommandMeans::CommandMeans(std::vector<std::string> environment, std::shared_ptr<PidfdTable> pidfds,
                           const Config& config, std::unique_ptr<CommandRunner> runner)
    : environment_(std::move(environment)),
      uid_of_pid_(config.uid_of_pid),
      uids_are_initial_(config.uids_are_initial),
      require_same_uid_(config.require_same_uid),
      pidfds_(std::move(pidfds)),
      runner_(std::move(runner)) {
  const bool has_path = std::any_of(environment_.begin(), environment_.end(),
                                    [](const auto& text) { return text.starts_with("PATH="); });
  if (!has_path) environment_.emplace_back(kPath);
}

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
  const auto started = runner_->start(intent(target).argv, environment_for(target), stall, now_ns,
                                      target.step.wait_ns);
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

std::vector<std::string> CommandMeans::environment_for(const RecoveryTarget& target) const {
  const Stall& stall = target.stall;
  std::vector<std::string> all = environment_;
  const auto add = [&all](const char* name, const std::string& value) {
    all.push_back(std::string(name) + "=" + value);
  };
  add("HB_PID", std::to_string(stall.pid));
  add("HB_GENERATION", std::to_string(stall.generation_ns));
  add("HB_CAUSE", name(stall.cause));
  add("HB_EXIT_CODE", number_or_nothing(stall.exit.code));
  add("HB_EXIT_SIGNAL", number_or_nothing(stall.exit.signal));
  add("HB_LAST_WORD", stall.last_nonce == kTerminalNonce ? "1" : "0");
  add("HB_STATUS", name(stall.status));
  add("HB_PAYLOAD", std::to_string(stall.payload));
  add("HB_UID", number_or_nothing(stall.uid));
  add("HB_UID_NOW", number_or_nothing(uid_now(stall)));
  add("HB_SERVICE", target.service.name);
  add("HB_UNIT", target.service.unit.value_or(""));
  add("HB_CGROUP", target.service.cgroup.value_or(""));
  add("HB_CONTAINER_ID", target.service.container_id.value_or(""));
  add("HB_POD_UID", target.service.pod_uid.value_or(""));
  add("HB_COMM", std::string(stall.comm.view()));
  add("HB_ATTEMPT", std::to_string(target.attempt));
  return all;
}

std::optional<RecoveryMeans::Ended> CommandMeans::next(std::uint64_t now_ns) {
  runner_->look(now_ns);
  auto ended = runner_->take();
  if (!ended) return std::nullopt;
  RecoveryReport report{outcome_of(*ended), ended->stall, in_words(ended->exit)};
  report.record.child_pid = ended->pid;
  report.record.exit_code = ended->exit.code;
  report.record.exit_signal = ended->exit.signal;
  report.output = std::move(ended->output);
  report.discarded_bytes = ended->discarded_bytes;
  return report;
}

Result<> check_variable(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos) return Error{"'" + text + "' is not NAME=VALUE"};
  const std::string name = text.substr(0, equals);
  if (!is_name(name)) {
    return Error{"'" + name + "' is no name: letters, digits and _, no digit first"};
  }
  if (name.starts_with("HB_")) return Error{"'" + name + "': names in HB_ are the observer's"};
  return ok();
}

}  // namespace hb
