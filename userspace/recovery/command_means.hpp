// CommandMeans: the operator's command, told which process has stalled.
//
// What it is told, in its arguments (command_line.hpp) and in its environment
// (command_environment.hpp), is in README.md. A command that gets a pid may come too late, when the
// pid is somebody else's: one that kills by pid should be --recovery-signal instead; one that
// restarts a unit by its name is safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "recovery/forked_runner.hpp"
#include "recovery/pidfd_table.hpp"
#include "recovery/recovery_means.hpp"

namespace hb {

// The real uid of whoever has this pid, by any other way than its pidfd.
using UidOfPid = std::function<std::optional<std::uint32_t>(std::uint32_t pid)>;

class CommandMeans final : public RecoveryMeans {
 public:
  struct Config {
    UidOfPid uid_of_pid;           // where the kernel cannot say it of a pidfd; empty: no other way
    bool uids_are_initial = true;  // a uid means here what it means in a stamp; else none is known
    bool require_same_uid =
        false;  // no command for a living process whose uids are not known equal
  };

  CommandMeans(std::unique_ptr<ForkedRunner> runner, std::shared_ptr<PidfdTable> pidfds,
               const Config& config);

  Result<> hear(const Beat& beat) override;
  void forget(const Stall& stall) override { pidfds_->forget(process_of(stall)); }

  [[nodiscard]] std::optional<RecoveryRefusal> refusal(const RecoveryTarget& target) override;
  [[nodiscard]] AuditRecord intent(const RecoveryTarget& target) const override;
  std::optional<RecoveryReport> act(const RecoveryTarget& target, std::uint64_t now_ns) override;

  [[nodiscard]] int fd() const override { return runner_->fd(); }
  [[nodiscard]] std::uint64_t wake_ns() const override { return runner_->wake_ns(); }
  [[nodiscard]] std::size_t running() const override { return runner_->running(); }
  std::optional<Ended> next(std::uint64_t now_ns) override;
  void kill_all() override { runner_->kill_all(); }
  void policies_have_changed() override { runner_->read_policies_again(); }

 private:
  [[nodiscard]] std::optional<std::uint32_t> uid_now(const Stall& stall) const;
  [[nodiscard]] bool has_same_uid(const Stall& stall) const;

  const UidOfPid uid_of_pid_;
  const bool uids_are_initial_;
  const bool require_same_uid_;
  const std::shared_ptr<PidfdTable> pidfds_;
  const std::unique_ptr<ForkedRunner> runner_;
};

}  // namespace hb
