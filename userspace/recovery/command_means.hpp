// CommandMeans: the operator's command, told which process has stalled.
//
// {pid} in its arguments, and HB_PID, HB_GENERATION (0: not known) and HB_CAUSE (silence, exited)
// in its environment. A command gets a number and may come too late, when the number is somebody
// else's: one that kills by pid should be --recovery-signal instead; one that restarts a unit by
// its name is safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "recovery/command_line.hpp"
#include "recovery/command_runner.hpp"
#include "recovery/recovery_means.hpp"

namespace hb {

class CommandMeans final : public RecoveryMeans {
 public:
  // `environment`: "NAME=value", checked; beside what is said above and PATH=/usr/bin:/bin, unless
  // it has a PATH of its own.
  [[nodiscard]] static Result<std::unique_ptr<CommandMeans>> open(
      const CommandLine& command, const std::vector<std::string>& environment,
      const CommandRunner::Config& config);

  [[nodiscard]] std::optional<RecoveryRefusal> refusal(const Stall& stall) override;
  [[nodiscard]] AuditRecord intent(const Stall& stall) const override;
  RecoveryReport act(const Stall& stall, std::uint64_t now_ns) override;

  [[nodiscard]] int fd() const override { return runner_->fd(); }
  [[nodiscard]] std::uint64_t wake_ns() const override { return runner_->wake_ns(); }
  [[nodiscard]] std::size_t running() const override { return runner_->running(); }
  std::optional<RecoveryReport> next(std::uint64_t now_ns) override;
  void kill_all() override { runner_->kill_all(); }

 private:
  CommandMeans(const CommandLine& command, std::vector<std::string> environment,
               std::unique_ptr<CommandRunner> runner);

  [[nodiscard]] std::vector<std::string> environment_for(const Stall& stall) const;

  const CommandLine command_;
  std::vector<std::string> environment_;
  std::unique_ptr<CommandRunner> runner_;
};

// What may be in a recovery command's environment: a NAME of letters, digits and _ that does not
// begin with a digit, none of ours (HB_...), and a value. The Error says what is wrong.
[[nodiscard]] Status check_variable(const std::string& text);

}  // namespace hb
