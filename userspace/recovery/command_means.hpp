// CommandMeans: the operator's command, told which process has stalled.
//
// What it is told, in its arguments (command_line.hpp) and in its environment (environment_for()),
// is in README.md. A command that gets a pid may come too late, when the pid is somebody else's:
// one that kills by pid should be --recovery-signal instead; one that restarts a unit by its name
// is safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "recovery/command_line.hpp"
#include "recovery/command_runner.hpp"
#include "recovery/pidfd_table.hpp"
#include "recovery/recovery_means.hpp"

namespace hb {

// The real uid of whoever has this pid, by any other way than its pidfd.
using UidOfPid = std::function<std::optional<std::uint32_t>(std::uint32_t pid)>;

class CommandMeans final : public RecoveryMeans {
 public:
  struct Config {
    CommandRunner::Config runner;
    UidOfPid uid_of_pid;           // where the kernel cannot say it of a pidfd; empty: no other way
    bool uids_are_initial = true;  // a uid means here what it means in a stamp; else none is known
    bool require_same_uid =
        false;  // no command for a living process whose uids are not known equal
  };

  // `environment`: "NAME=value", checked;
  // beside what is said above and PATH=/usr/bin:/bin, unless it has a PATH of its own.
  [[nodiscard]] static Result<std::unique_ptr<CommandMeans>> open(
      const std::vector<std::string>& environment, std::shared_ptr<PidfdTable> pidfds,
      const Config& config);

  Result<> hear(const Beat& beat) override;
  void forget(const Stall& stall) override { pidfds_->forget(process_of(stall)); }

  [[nodiscard]] std::optional<RecoveryRefusal> refusal(const RecoveryTarget& target) override;
  [[nodiscard]] AuditRecord intent(const RecoveryTarget& target) const override;
  std::optional<RecoveryReport> act(const RecoveryTarget& target, std::uint64_t now_ns) override;

  [[nodiscard]] int fd() const override { return runner_->fd(); }
  [[nodiscard]] std::uint64_t wake_ns() const override { return runner_->wake_ns(); }
  [[nodiscard]] std::size_t running() const override { return runner_->running(); }
  [[nodiscard]] bool has_child(pid_t pid) const override { return runner_->has_child(pid); }
  std::optional<Ended> next(std::uint64_t now_ns) override;
  void kill_all() override { runner_->kill_all(); }

 private:
  CommandMeans(std::vector<std::string> environment, std::shared_ptr<PidfdTable> pidfds,
               const Config& config, std::unique_ptr<CommandRunner> runner);

  [[nodiscard]] std::optional<std::uint32_t> uid_now(const Stall& stall) const;
  [[nodiscard]] bool has_same_uid(const Stall& stall) const;
  [[nodiscard]] std::vector<std::string> environment_for(const RecoveryTarget& target) const;

  std::vector<std::string> environment_;
  const UidOfPid uid_of_pid_;
  const bool uids_are_initial_;
  const bool require_same_uid_;
  const std::shared_ptr<PidfdTable> pidfds_;
  std::unique_ptr<CommandRunner> runner_;
};

// What may be in a recovery command's environment: a NAME of letters, digits and _ that does not
// begin with a digit, none of ours (HB_...), and a value. The Error says what is wrong.
[[nodiscard]] Result<> check_variable(const std::string& text);

}  // namespace hb
