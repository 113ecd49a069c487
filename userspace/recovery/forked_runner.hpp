// ForkedRunner: recovery commands, run by a process beside the observer (command_process.hpp).
//
//   if (runner.has_room()) runner.start(target, uid_now, now_ns);
//   when fd() is readable or wake_ns() has come:
//     runner.look(now_ns);
//     while (auto ended = runner.take()) ...
//
// Owns the process. Never blocks, but in open(), in the destructor, and, for kPatience_ns at most,
// in start(). When the process has ended before its time, whatever runs comes back as Lost, and
// nothing can be started any more. One thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "recovery/command_process.hpp"
#include "recovery/command_runner.hpp"
#include "recovery/command_wire.hpp"
#include "recovery/forked_process.hpp"
#include "recovery/process_key.hpp"
#include "recovery/recovery_means.hpp"

namespace hb {

class ForkedRunner {
 public:
  // How long start() waits for the exec.
  static constexpr std::uint64_t kPatience_ns = 2 * kNsPerSecond;

  // Forks: before any other thread, and before there is a secret in memory. `config.runner.warn` is
  // told here what does not keep a command from running. The Error: it cannot run commands.
  [[nodiscard]] static Result<std::unique_ptr<ForkedRunner>> open(
      const CommandProcessConfig& config);
  ForkedRunner(const ForkedRunner&) = delete;
  ForkedRunner& operator=(const ForkedRunner&) = delete;
  ~ForkedRunner();

  [[nodiscard]] bool has_room() const { return !unanswered_ && running_.size() < max_running_; }
  [[nodiscard]] bool is_running_for(const ProcessKey& process) const;
  [[nodiscard]] std::size_t running() const { return running_.size(); }
  // The process has ended before its time.
  [[nodiscard]] bool is_lost() const { return !socket_; }

  // Only if it has_room(). The command of the target's step. The pid of the command; the Error says
  // why it does not run. If it begins later than that was waited for, take() will tell its end.
  Result<pid_t> start(const RecoveryTarget& target, std::optional<std::uint32_t> uid_now,
                      std::uint64_t now_ns);

  [[nodiscard]] int fd() const { return epoll_.get(); }
  [[nodiscard]] std::uint64_t wake_ns() const;
  void look(std::uint64_t now_ns);

  // The next one that has ended.
  std::optional<EndedCommand> take();

  // SIGKILL for all that still run, with their groups and cgroups.
  void kill_all();

  // The operator's policies may have changed.
  void read_policies_again();

  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  struct Running {
    std::uint64_t id = 0;
    Stall stall = {};
    pid_t pid = 0;
    std::uint64_t give_up_ns = 0;
    std::string output = {};
  };

  ForkedRunner(const CommandProcessConfig& config, ForkedProcess process, Fd socket, Fd epoll);

  Result<> wait_until_ready();
  Result<pid_t> wait_for_answer(std::uint64_t id, std::uint64_t until_ns);
  bool send(const CommandRequest& request);
  std::optional<CommandReport> receive();
  void handle(CommandReport report);
  void begin(const CommandReport& report);
  void end(std::size_t index, EndedCommand ended);
  void end_as_lost(std::size_t index);
  void lose_process();
  void warn(const std::string& text) const;
  [[nodiscard]] std::uint64_t give_up_ns(std::uint64_t now_ns, std::uint64_t wait_ns) const;

  const std::function<void(const Error&)> warn_;
  const std::uint64_t timeout_ns_;
  const std::uint64_t term_grace_ns_;
  const std::size_t output_bytes_;
  const std::size_t max_running_;
  Fd socket_;  // closed: the process has ended
  ForkedProcess process_;
  const Fd epoll_;
  bool is_ready_ = false;
  std::uint64_t last_id_ = 0;
  std::optional<Running> unanswered_;  // was asked for; whether it runs is not known yet
  std::vector<Running> running_;
  std::deque<EndedCommand> ended_;
  std::uint64_t idle_look_ns_ = 0;
  std::string message_;
};

}  // namespace hb
