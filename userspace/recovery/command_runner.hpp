// CommandRunner: recovery commands that run beside the loop.
//
// A command has until its deadline. Then its whole process group gets SIGTERM, and SIGKILL two
// seconds later or when the command itself has ended, whichever is first. A command that ends by
// itself leaves its background children alone; what they write is read on and thrown away. A child
// that makes a session of its own is killed too if commands have cgroups (command_cgroups.hpp), and
// is out of reach otherwise, as it is for a shell.
//
//   if (runner.has_room()) runner.start(argv, environment, stall, now_ns);
//   when fd() is readable or wake_ns() has come:
//     runner.look(now_ns);
//     while (auto ended = runner.take()) ...
//
// Owns the children: killed and reaped at the latest when the runner goes. Never blocks, other than
// for the exec of start() and in the destructor. SIGCHLD must not be ignored (it is set to its
// default here), or the kernel would reap them behind our back. One thread.
#pragma once

#include <sys/resource.h>
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
#include "observer/event.hpp"
#include "recovery/command_cgroups.hpp"
#include "recovery/command_priority.hpp"
#include "recovery/leftover_output.hpp"
#include "recovery/process_key.hpp"

namespace hb {

class RunningCommand;

// A command that has ended, and been reaped.
struct EndedCommand {
  // Lost: whoever ran it has ended, or has not said in time what became of it; it may still run.
  enum class Why : std::uint8_t { ByItself, Deadline, Shutdown, Lost };

  Stall stall;  // that it was started for
  pid_t pid = 0;
  Why why = Why::ByItself;
  ExitStatus exit;
  std::string output;  // as it came: not to be shown before it is cleaned
  std::uint64_t discarded_bytes = 0;
};

class CommandRunner {
 public:
  struct Config {
    std::uint64_t timeout_ns = 10 * kNsPerSecond;
    std::uint64_t term_grace_ns = 2 * kNsPerSecond;
    std::size_t output_bytes = 4096;  // that are kept of each
    std::size_t max_running = 16;
    std::size_t max_leftovers = 64;         // ended commands whose background may still write
    std::optional<int> oom_score_adj = {};  // of commands, see CommandPriority
    OpenOomScore open_oom_score = {};
    std::optional<rlimit> descriptors = {};       // RLIMIT_NOFILE of commands; unset: ours
    std::optional<std::string> cgroup = {};       // directory of the one for those of commands
    std::function<void(const Error&)> warn = {};  // told what does not keep a command from running
  };

  // Call it while privileged, for CommandPriority.
  [[nodiscard]] static Result<std::unique_ptr<CommandRunner>> open(const Config& config);
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;
  ~CommandRunner();

  [[nodiscard]] bool has_room() const { return running_.size() < config_.max_running; }
  [[nodiscard]] bool is_running_for(const ProcessKey& process) const;
  [[nodiscard]] std::size_t running() const { return running_.size(); }
  // Ended commands whose background may still write.
  [[nodiscard]] std::size_t leftovers() const { return leftovers_.size(); }

  // Only if it has_room(). `timeout_ns`: 0 is the configured one. The pid of the command; the Error
  // has errno.
  Result<pid_t> start(const std::vector<std::string>& argv,
                      const std::vector<std::string>& environment, const Stall& stall,
                      std::uint64_t now_ns, std::uint64_t timeout_ns = 0);

  [[nodiscard]] int fd() const { return epoll_.get(); }
  [[nodiscard]] std::uint64_t wake_ns() const;
  void look(std::uint64_t now_ns);

  // The next one that has ended.
  std::optional<EndedCommand> take();

  // SIGKILL for all that still run, with their groups and cgroups.
  void kill_all();

 private:
  CommandRunner(const Config& config, Fd epoll, CommandPriority priority, LeftoverOutput leftovers);

  Result<> open_cgroups();
  std::optional<CommandCgroup> make_cgroup();
  void leave(std::optional<CommandCgroup> cgroup, bool was_killed);

  [[nodiscard]] bool is_anything_ready() const;
  Result<> watch(int fd) const;
  void keep_output_open(Fd pipe);
  void warn(const Error& error) const;
  void warn_once(const Error& error, bool& has_warned);
  void warn_of_cgroup(const Error& error);

  const Config config_;
  Fd epoll_;  // every pidfd and every pipe
  CommandPriority priority_;
  bool has_warned_of_priority_ = false;
  bool has_warned_of_cgroup_ = false;
  LeftoverOutput leftovers_;
  std::unique_ptr<CommandCgroups> cgroups_;  // nullptr: commands are in our cgroup
  std::vector<std::unique_ptr<RunningCommand>> running_;
  std::deque<EndedCommand> ended_;
};

}  // namespace hb
