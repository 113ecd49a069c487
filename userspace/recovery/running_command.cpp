#include "recovery/running_command.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <utility>

#include "base/uninterrupted.hpp"
#include "observer/source.hpp"
#include "recovery/pidfd.hpp"

namespace hb {
namespace {

constexpr int kLastPatience_ms = 1000;

}  // namespace

RunningCommand::RunningCommand(Spawned child, std::optional<CommandCgroup> cgroup,
                               const Stall& stall, const CommandRunner::Config& config,
                               std::uint64_t now_ns)
    : stall_(stall),
      term_grace_ns_(config.term_grace_ns),
      pid_(child.pid),
      pidfd_(std::move(child.pidfd)),
      output_(std::move(child.output), config.output_bytes),
      cgroup_(std::move(cgroup)),
      deadline_ns_(now_ns + config.timeout_ns) {}

// One that even SIGKILL does not end soon (it hangs in the kernel) is left to init.
RunningCommand::~RunningCommand() {
  if (pid_ < 0) return;
  kill_everything();
  pollfd polled{pidfd_.get(), POLLIN, 0};
  if (uninterrupted([&] { return ::poll(&polled, 1, kLastPatience_ms); }) > 0) reap();
}

std::optional<EndedCommand> RunningCommand::look(std::uint64_t now_ns) {
  const bool ended = has_ended();  // asked first: all that it wrote is in the pipe by then
  output_.drain();
  if (!ended) {
    keep_deadline(now_ns);
    return std::nullopt;
  }
  const pid_t pid = pid_;
  if (why_ != Why::ByItself) kill_everything();  // it holds the group's number until reaped
  const ExitStatus exit = reap();
  return EndedCommand{stall_, pid, why_, exit, output_.text(), output_.discarded_bytes()};
}

std::uint64_t RunningCommand::wake_ns() const { return killed_ ? Source::kNever : deadline_ns_; }

void RunningCommand::kill_now() {
  if (why_ == Why::ByItself) why_ = Why::Shutdown;
  killed_ = true;
  kill_everything();
}

void RunningCommand::keep_deadline(std::uint64_t now_ns) {
  if (killed_ || now_ns < deadline_ns_) return;
  if (why_ == Why::ByItself) {
    why_ = Why::Deadline;
    deadline_ns_ = now_ns + term_grace_ns_;
    signal_group(SIGTERM);
  } else {
    killed_ = true;
    kill_everything();
  }
}

bool RunningCommand::has_ended() const { return has_exited(pidfd_); }

// Never a stranger's group: the number stays taken until the child is reaped, and we do that.
void RunningCommand::signal_group(int signal) const { ::kill(-pid_, signal); }

// The cgroup has also what is in no group of ours (setsid(2)).
void RunningCommand::kill_everything() const {
  signal_group(SIGKILL);
  if (cgroup_) cgroup_->kill();
}

ExitStatus RunningCommand::reap() {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (info.si_code == CLD_EXITED) return {info.si_status, std::nullopt};
  return {std::nullopt, info.si_status};
}

}  // namespace hb
