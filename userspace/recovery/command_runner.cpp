#include "recovery/command_runner.hpp"

#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "observer/source.hpp"
#include "recovery/running_command.hpp"
#include "recovery/spawn.hpp"

namespace hb {

Result<std::unique_ptr<CommandRunner>> CommandRunner::open(const Config& config) {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  const int code = errno;
  if (!epoll) return os_error(code, "cannot watch commands (epoll_create1)");
  ::signal(SIGCHLD, SIG_DFL);
  return std::unique_ptr<CommandRunner>(new CommandRunner(config, std::move(epoll)));
}

CommandRunner::CommandRunner(const Config& config, Fd epoll)
    : config_(config), epoll_(std::move(epoll)) {
  running_.reserve(config.max_running);
}

CommandRunner::~CommandRunner() = default;

bool CommandRunner::is_running_for(const ProcessKey& process) const {
  return std::any_of(running_.begin(), running_.end(),
                     [&](const auto& command) { return command->process() == process; });
}

Result<pid_t> CommandRunner::start(const std::vector<std::string>& argv,
                                   const std::vector<std::string>& environment, const Stall& stall,
                                   std::uint64_t now_ns) {
  auto child = spawn(argv, environment);
  if (!child) return child.error();
  const pid_t pid = child.value().pid;
  auto command = std::make_unique<RunningCommand>(std::move(child).value(), stall, config_, now_ns);
  if (auto watched = watch(command->pidfd()); !watched) return watched.error();
  if (auto watched = watch(command->pipe()); !watched) return watched.error();
  running_.push_back(std::move(command));
  return pid;
}

// A descriptor that is closed leaves the set by itself (epoll(7)).
Result<> CommandRunner::watch(const Fd& fd) const {
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot watch a command (epoll_ctl)");
}

std::uint64_t CommandRunner::wake_ns() const {
  if (!ended_.empty()) return 0;
  std::uint64_t wake_ns = Source::kNever;
  for (const auto& command : running_) wake_ns = std::min(wake_ns, command->wake_ns());
  return wake_ns;
}

void CommandRunner::look(std::uint64_t now_ns) {
  if (running_.empty() || (now_ns < wake_ns() && !is_anything_ready())) return;
  std::erase_if(running_, [&](const auto& command) {
    auto ended = command->look(now_ns);
    if (ended) ended_.push_back(std::move(*ended));
    return ended.has_value();
  });
}

bool CommandRunner::is_anything_ready() const {
  epoll_event event{};
  return ::epoll_wait(epoll_.get(), &event, 1, 0) > 0;
}

std::optional<EndedCommand> CommandRunner::take() {
  if (ended_.empty()) return std::nullopt;
  EndedCommand first = std::move(ended_.front());
  ended_.pop_front();
  return first;
}

void CommandRunner::kill_all() {
  for (const auto& command : running_) command->kill_now();
}

}  // namespace hb
