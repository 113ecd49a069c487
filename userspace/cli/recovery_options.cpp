#include "cli/recovery_options.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <sstream>

#include "base/units.hpp"
#include "cli/options.hpp"
#include "recovery/command_environment.hpp"

namespace hb::cli {
namespace {

constexpr std::uint64_t kSecondsPerDay = 86'400;
constexpr std::uint64_t kMaxActs = 10'000;
constexpr std::uint64_t kMaxOutput_bytes = std::uint64_t{1} << 20;

constexpr int kLowestOomScore = -1000;  // as proc_pid_oom_score_adj(5)
constexpr int kHighestOomScore = 1000;

constexpr const char* kExec = "--recovery-exec";
constexpr const char* kSignal = "--recovery-signal";
constexpr const char* kAccept = "--i-accept-recovery-on-unauthenticated-transport";
constexpr const char* kPolicyFile = "--policy-file";
constexpr const char* kOn = "--recovery-on";
constexpr const char* kBudget = "--recovery-budget";
constexpr const char* kBudgetPerUid = "--recovery-budget-per-uid";
constexpr const char* kAuditFile = "--recovery-audit-file";

// Worth nothing without anything that is done.
constexpr const char* kModifiers[] = {kOn,
                                      "--recovery-settle-ms",
                                      "--recovery-verify-ms",
                                      "--recovery-stable-ms",
                                      "--recovery-core-wait-ms",
                                      "--recovery-attempts",
                                      "--recovery-debounce-ms",
                                      kBudget,
                                      kBudgetPerUid,
                                      "--recovery-startup-grace-ms",
                                      "--recovery-dry-run",
                                      "--audit-required",
                                      kAuditFile};

// Worth nothing where no command is run.
constexpr const char* kCommandModifiers[] = {
    "--recovery-timeout-ms",   "--recovery-env",           "--recovery-require-same-uid",
    "--recovery-output-bytes", "--recovery-oom-score-adj", "--shutdown-grace-ms"};

// The whole text, in decimal digits, within the bounds.
std::optional<std::uint64_t> number(std::string text, std::uint64_t lowest, std::uint64_t highest) {
  const CLI::Validator check = whole_number(lowest, highest);
  if (!check(text).empty()) return std::nullopt;
  return std::stoull(text);
}

std::optional<int> signal_number(std::string name) {
  if (const auto given = number(name, 1, static_cast<std::uint64_t>(SIGRTMAX))) {
    const auto signal = static_cast<int>(*given);
    const bool is_the_librarys = signal >= __SIGRTMIN && signal < SIGRTMIN;
    return is_the_librarys ? std::nullopt : std::optional(signal);
  }
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int signal = 1; signal < __SIGRTMIN; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return std::nullopt;
}

void set_command(daemon::RecoveryConfig& o, const std::string& text) {
  auto command = CommandLine::parse(text);
  if (!command) throw CLI::ValidationError(kExec, command.error().message);
  o.command = std::move(command).value();
}

void set_signal(daemon::RecoveryConfig& o, const std::string& text) {
  o.signal = signal_number(text);
  if (o.signal) return;
  throw CLI::ValidationError(kSignal, "'" + text + "' is no signal (kill -l shows them)");
}

ActBudget::Config budget_of(const char* flag, const std::string& text) {
  const auto slash = text.find('/');
  const bool has_both = slash != std::string::npos;
  const auto acts = has_both ? number(text.substr(0, slash), 1, kMaxActs) : std::nullopt;
  const auto seconds = has_both ? number(text.substr(slash + 1), 1, kSecondsPerDay) : std::nullopt;
  if (!acts || !seconds) {
    throw CLI::ValidationError(flag, "'" + text + "' is not N/SECONDS, 1.." +
                                         std::to_string(kMaxActs) + "/1.." +
                                         std::to_string(kSecondsPerDay));
  }
  return {.acts = *acts, .window_ns = *seconds * kNsPerSecond};
}

void set_environment(daemon::RecoveryConfig& o, const std::vector<std::string>& variables) {
  for (const auto& variable : variables) {
    if (auto checked = check_variable(variable); !checked) {
      throw CLI::ValidationError("--recovery-env", checked.error().message);
    }
    const std::string name = variable.substr(0, variable.find('=') + 1);
    for (const auto& known : o.environment) {
      if (known.starts_with(name)) {
        throw CLI::ValidationError("--recovery-env", "'" + variable + "' is given twice");
      }
    }
    o.environment.push_back(variable);
  }
}

void declare_means(CLI::App& run, daemon::RecoveryConfig& o) {
  const auto command = [&o](const std::string& text) { set_command(o, text); };
  const auto signal = [&o](const std::string& text) { set_signal(o, text); };
  auto* exec =
      run.add_option_function<std::string>(
             kExec, command,
             "On a stall, run this, without a shell; {pid}, {comm}, {unit}, {service}, {cgroup} and {uid} "
             "in an argument are the agent's")
          ->type_name("CMD");
  run.add_option_function<std::string>(kSignal, signal,
                                       "On a silence, send this to the agent, and to nobody else")
      ->type_name("SIG")
      ->excludes(exec);
  run.add_option(
         kPolicyFile, o.policy_file,
         "Services and what is done for each (TOML; hb-ebpf policy check); read anew on SIGHUP")
      ->type_name("FILE")
      ->excludes(exec, run.get_option(kSignal));
}

RecoverOn kinds_of(const std::string& text) {
  RecoverOn kinds{};
  std::stringstream words(text);
  for (std::string word; std::getline(words, word, ',');) {
    const auto kind = std::find_if(kEnumValues<DownKind>.begin(), kEnumValues<DownKind>.end(),
                                   [&](DownKind one) { return word == name(one); });
    if (kind == kEnumValues<DownKind>.end()) {
      throw CLI::ValidationError(
          kOn, "'" + word + "' is none of silence, signal, code, stop-signal, clean, last-word");
    }
    kinds.add(*kind);
  }
  return kinds;
}

void declare_service(CLI::App& run, daemon::RecoveryConfig& o) {
  const auto on = [&o](const std::string& text) { o.recover_on = kinds_of(text); };
  run.add_option_function<std::string>(
         kOn, on,
         "What is recovered: silence; ends by signal, code (not 0), stop-signal (SIGTERM, SIGINT, "
         "SIGHUP), clean (code 0), last-word [silence,signal,code]")
      ->type_name("KIND,...");
  add_number(run, "--recovery-settle-ms", o.settle_ms, 0, kMsPerDay,
             "After an exit, how long somebody else has to restart the service");
  add_number(run, "--recovery-verify-ms", o.verify_ms, 1, kMsPerDay,
             "After an act, how long it may take until a process of the service beats "
             "[one threshold and 10 s]");
  add_number(run, "--recovery-stable-ms", o.stable_ms, 0, kMsPerDay,
             "How long the process must then go on beating; else the attempt has failed");
  add_number(run, "--recovery-core-wait-ms", o.core_wait_ms, 0, kMsPerDay,
             "How long nothing is done about a process that may be writing its core dump");
  add_number(run, "--recovery-attempts", o.attempts, 1, 1000,
             "After so many that failed, the service is given up until it beats again, or SIGHUP");
}

void declare_limits(CLI::App& run, daemon::RecoveryConfig& o) {
  add_number(run, "--recovery-debounce-ms", o.debounce_ms, 0, kMsPerDay,
             "Pause after an act upon a process before the next upon the same");
  const auto budget = [&o](const std::string& text) { o.budget = budget_of(kBudget, text); };
  run.add_option_function<std::string>(kBudget, budget,
                                       "Acts upon all agents in any so many seconds [10/60]")
      ->type_name("N/SECONDS");
  const auto per_uid = [&o](const std::string& text) {
    o.budget_per_uid = budget_of(kBudgetPerUid, text);
  };
  run.add_option_function<std::string>(
         kBudgetPerUid, per_uid, "Of these, upon agents of one user other than root [a quarter]")
      ->type_name("N/SECONDS");
  add_number(run, "--recovery-startup-grace-ms", o.startup_grace_ms, 0, kMsPerDay,
             "No act in this time after the start [one threshold]");
  run.add_flag("--recovery-dry-run", o.dry_run, "Decide, record and count everything; do nothing")
      ->disable_flag_override();
  run.add_flag("--audit-required", o.audit_required,
               "No act that cannot be put on record (--recovery-audit-file)")
      ->disable_flag_override();
}

void declare_command(CLI::App& run, daemon::RecoveryConfig& o) {
  add_number(run, "--recovery-timeout-ms", o.timeout_ms, 1, kMsPerDay,
             "Then the command, its process group and its cgroup are ended");
  const auto environment = [&o](const std::vector<std::string>& all) { set_environment(o, all); };
  run.add_option_function<std::vector<std::string>>(
         "--recovery-env", environment, "For the command's environment, beside PATH; repeatable")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  run.add_flag("--recovery-require-same-uid", o.require_same_uid,
               "No command for a living agent whose uid has changed since its last beat, "
               "or is not known")
      ->disable_flag_override();
  add_number(run, "--recovery-output-bytes", o.output_bytes, 0, kMaxOutput_bytes,
             "Of the command's output, so much is logged");
  run.add_option(
         "--recovery-oom-score-adj", o.oom_score_adj,
         "The command's oom_score_adj [the observer's when it was started, but not below 0]")
      ->check(CLI::Range(kLowestOomScore, kHighestOomScore))
      ->type_name("N");
  add_number(run, "--shutdown-grace-ms", o.shutdown_grace_ms, 0, kMsPerDay,
             "At the end, so long is waited for commands that run");
}

bool is_given(const CLI::App& run, const char* name) {
  const CLI::Option* option = run.get_option_no_throw(name);
  return option != nullptr && option->count() > 0;
}

template <typename Names>
void refuse(const CLI::App& run, const Names& names, const char* why) {
  for (const char* name : names) {
    if (is_given(run, name)) throw CLI::ValidationError(name, why);
  }
}

}  // namespace

void declare_recovery_options(CLI::App& run, daemon::RecoveryConfig& o) {
  declare_means(run, o);
  declare_service(run, o);
  declare_limits(run, o);
  declare_command(run, o);
}

void check_recovery_options(const CLI::App& run, daemon::RecoveryConfig& o) {
  o.accept_unauthenticated = is_given(run, kAccept);
  if (o.audit_required && !is_given(run, kAuditFile)) {
    throw CLI::ValidationError("--audit-required", "needs --recovery-audit-file");
  }
  if (!o.is_on()) {
    refuse(
        run, kModifiers,
        "nothing is done on a stall without --recovery-exec, --recovery-signal or --policy-file");
  }
  if (!o.may_run_commands()) {
    refuse(run, kCommandModifiers, "no command is run without --recovery-exec or --policy-file");
  }
}

}  // namespace hb::cli
