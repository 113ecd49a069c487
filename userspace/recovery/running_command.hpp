// RunningCommand: one child of the runner. Passive: it does what is due when it is looked at.
//
// Owns the child; killed with its group and its cgroup, and reaped, at the latest when this goes.
// One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "recovery/captured_output.hpp"
#include "recovery/command_cgroups.hpp"
#include "recovery/command_runner.hpp"
#include "recovery/spawn.hpp"

namespace hb {

class RunningCommand {
 public:
  // `cgroup`: of the child, if it has one of its own.
  RunningCommand(Spawned child, std::optional<CommandCgroup> cgroup, const Stall& stall,
                 const CommandRunner::Config& config, std::uint64_t now_ns);
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;
  ~RunningCommand();

  // Reads its output, sends what is due, reaps it. Set once it has ended; then it is over.
  std::optional<EndedCommand> look(std::uint64_t now_ns);

  // When look() has to be called even if nothing becomes readable.
  [[nodiscard]] std::uint64_t wake_ns() const;

  void kill_now();

  // Once it has ended: what its background may still write to, if anything.
  Fd take_pipe() { return output_.take_pipe(); }
  // Once it has ended, or was killed: where its background may still be.
  std::optional<CommandCgroup> take_cgroup() { return std::move(cgroup_); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const Fd& pidfd() const { return pidfd_; }
  [[nodiscard]] const Fd& pipe() const { return output_.pipe(); }
  [[nodiscard]] ProcessKey process() const { return process_of(stall_); }

 private:
  using Why = EndedCommand::Why;

  void keep_deadline(std::uint64_t now_ns);
  [[nodiscard]] bool has_ended() const;
  void signal_group(int signal) const;
  void kill_everything() const;
  ExitStatus reap();

  const Stall stall_;
  const std::uint64_t term_grace_ns_;
  pid_t pid_;  // and its group; -1 once reaped
  Fd pidfd_;
  CapturedOutput output_;
  std::optional<CommandCgroup> cgroup_;
  Why why_ = Why::ByItself;
  std::uint64_t deadline_ns_;  // of the next signal
  bool killed_ = false;
};

}  // namespace hb
