#include "daemon/recovery_setup.hpp"

#include <linux/capability.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "base/units.hpp"
#include "daemon/policy_source.hpp"
#include "daemon/priority.hpp"
#include "daemon/privileges.hpp"
#include "daemon/user.hpp"
#include "procfs/oom_score.hpp"
#include "procfs/process_cgroup.hpp"
#include "procfs/user_ids.hpp"
#include "recovery/cgroup_paths.hpp"

namespace hb::daemon {
namespace {

// A group that nobody is in: who shares a uid with a process but no group may neither ptrace(2) nor
// prlimit(2) it.
constexpr gid_t kNobodysGroup = 4'294'967'294;

// Whom the signaller process is to be: who the observer is or will be, but in no group if it is to
// become other users.
std::optional<User> identity_of_signaller(const std::optional<User>& user,
                                          const SignalAuthority& authority) {
  if (!authority.any_uid) return user;
  const std::string name = user ? user->name : std::to_string(authority.own_uid);
  return User{name, authority.own_uid, kNobodysGroup, {}};
}

// CAP_SETGID is not needed once the groups are given up. CAP_KILL: for agents of root, as root may
// signal everybody.
Result<SignalAuthority> become_signaller(const std::optional<User>& user) {
  SignalAuthority authority;
  authority.own_uid = user ? user->uid : ::getuid();
  authority.uids_are_initial = uids_mean_the_same();
  authority.any_uid =
      authority.uids_are_initial && is_permitted(CAP_SETUID) && is_permitted(CAP_SETGID);
  if (const auto identity = identity_of_signaller(user, authority)) {
    if (auto became = become_user(*identity); !became) return became.error();
  }
  KeptPrivileges kept;
  if (authority.any_uid) kept.capabilities = {CAP_SETUID, CAP_KILL};
  if (auto dropped = drop_privileges(kept); !dropped) return dropped.error();
  return authority;
}

void warn_of_limits(const SignalAuthority& authority) {
  if (!authority.uids_are_initial) {
    spdlog::warn(
        "--recovery-signal: no agent can be signalled, since uids may mean something else here "
        "than in the initial user namespace (/proc/self/uid_map): run the observer there, "
        "with /proc mounted");
  } else if (!authority.any_uid) {
    spdlog::warn(
        "--recovery-signal: only agents of uid {} can be signalled: start as root, or with "
        "CAP_SETUID, CAP_SETGID and CAP_KILL, to signal those of all users",
        authority.own_uid);
  }
}

// None where systemd, or whoever has made the observer's cgroup, has not delegated it.
std::optional<DelegatedCgroup> find_cgroup_of_commands(const RecoveryConfig& options) {
  if (!options.may_run_commands()) return std::nullopt;
  const auto own = cgroup_of(static_cast<std::uint32_t>(::getpid()));
  auto found = own ? find_delegated_cgroup(own.value()) : own.error();
  if (found) return std::move(found).value();
  spdlog::debug("recovery: commands are in the observer's cgroup: {}", found.error().message);
  return std::nullopt;
}

// Its directory, if it can be used by whom the observer is to become.
std::optional<std::string> cgroup_of_commands(const std::optional<DelegatedCgroup>& delegated,
                                              const std::optional<User>& user) {
  if (!delegated) return std::nullopt;
  const auto uid = user ? std::optional(user->uid) : std::nullopt;
  if (auto prepared = prepare_cgroup(*delegated, uid); !prepared) {
    spdlog::info("recovery: commands are in the observer's cgroup, although it is delegated: {}",
                 prepared.error().message);
    return std::nullopt;
  }
  spdlog::info("recovery: each command has a cgroup of its own in {}", delegated->directory);
  return delegated->directory;
}

// Commands may do all that the observer's user may. CAP_KILL: one that became another user must
// still meet its deadline. The priority is the observer's, so that a machine under load delays no
// command; they themselves do not have it.
Result<> become_command_process(const RunConfig& options) {
  [[maybe_unused]] const auto has_priority = take_priority(options.nice.value_or(kHighestPriority));
  if (auto kept = keep_priority_to_ourselves(); !kept) return kept;
  if (options.user) {
    if (auto became = become_user(*options.user); !became) return became;
  }
  if (auto dropped = drop_privileges({.capabilities = {CAP_KILL}, .may_exec = true}); !dropped) {
    return dropped;
  }
  return options.user ? confirm_user(*options.user) : ok();
}

CommandProcessConfig command_process(const RunConfig& options, const Policies& policies,
                                     std::optional<rlimit> descriptors,
                                     std::optional<std::string> cgroup) {
  const RecoveryConfig& recovery = options.recovery;
  CommandProcessConfig config;
  config.runner.timeout_ns = recovery.timeout_ms * kNsPerMs;
  config.runner.output_bytes = recovery.output_bytes;
  config.runner.oom_score_adj = recovery.oom_score_adj;
  config.runner.open_oom_score = open_own_oom_score;
  config.runner.descriptors = descriptors;
  config.runner.cgroup = std::move(cgroup);
  config.runner.warn = [](const Error& error) { spdlog::warn("recovery: {}", error.message); };
  config.environment = recovery.environment;
  config.policies = policies;
  if (recovery.policy_file) {
    config.read_policies = [&options] {
      return read_policies(options.recovery, options.threshold_ms);
    };
  }
  config.drop_privileges = [&options] { return become_command_process(options); };
  return config;
}

}  // namespace

bool uids_mean_the_same() {
  const auto are = own_uids_are_initial();
  return are && are.value();
}

Result<PreparedRecovery> prepare_recovery(const RunConfig& options, Policies policies,
                                          std::optional<rlimit> descriptors) {
  const std::optional<User>& user = options.user;
  PreparedRecovery prepared;
  if (!options.recovery.is_on()) return prepared;
  prepared.policies = std::move(policies);
  prepared.cgroup = find_cgroup_of_commands(options.recovery);
  auto cgroups = CgroupPaths::start({}, [&user] { return user ? become_user(*user) : ok(); });
  if (cgroups) {
    const auto of_commands =
        prepared.cgroup ? std::optional(prepared.cgroup->path) : std::optional<std::string>();
    prepared.cgroups = std::make_unique<CgroupServices>(std::move(cgroups).value(), of_commands);
  } else {
    spdlog::warn("recovery: {}: each agent is a service of its own, and {{unit}} is not known",
                 cgroups.error().message);
  }
  if (options.recovery.may_run_commands()) {
    auto runner = ForkedRunner::open(command_process(options, prepared.policies, descriptors,
                                                     cgroup_of_commands(prepared.cgroup, user)));
    if (!runner) return runner.error();
    prepared.runner = std::move(runner).value();
  }
  if (!options.recovery.may_signal()) return prepared;
  auto signaller = Signaller::start([&user] { return become_signaller(user); });
  if (!signaller) return signaller.error();
  warn_of_limits(signaller.value()->authority());
  prepared.signaller = std::move(signaller).value();
  return prepared;
}

}  // namespace hb::daemon
