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
  if (auto allowed = check_spawn_is_allowed(); !allowed) return allowed.error();
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  const int code = errno;
  if (!epoll) return os_error(code, "cannot watch commands (epoll_create1)");
  auto priority = CommandPriority::prepare(config.oom_score_adj, config.open_oom_score);
  if (!priority) return priority.error();
  auto leftovers = LeftoverOutput::open(epoll.get(), config.max_leftovers);
  if (!leftovers) return leftovers.error();
  ::signal(SIGCHLD, SIG_DFL);
  std::unique_ptr<CommandRunner> runner(new CommandRunner(
      config, std::move(epoll), std::move(priority).value(), std::move(leftovers).value()));
  if (auto opened = runner->open_cgroups(); !opened) runner->warn_of_cgroup(opened.error());
  return runner;
}

CommandRunner::CommandRunner(const Config& config, Fd epoll, CommandPriority priority,
                             LeftoverOutput leftovers)
    : config_(config),
      epoll_(std::move(epoll)),
      priority_(std::move(priority)),
      leftovers_(std::move(leftovers)) {
  running_.reserve(config.max_running);
}

CommandRunner::~CommandRunner() {
  kill_all();
  for (const auto& command : running_) leave(command->take_cgroup(), true);
}

Result<> CommandRunner::open_cgroups() {
  if (!config_.cgroup) return ok();
  auto opened = CommandCgroups::open(*config_.cgroup);
  if (!opened) return opened.error();
  if (auto watched = watch(opened.value()->fd()); !watched) return watched;
  cgroups_ = std::move(opened).value();
  return ok();
}

bool CommandRunner::is_running_for(const ProcessKey& process) const {
  return std::any_of(running_.begin(), running_.end(),
                     [&](const auto& command) { return command->process() == process; });
}

Result<pid_t> CommandRunner::start(const std::vector<std::string>& argv,
                                   const std::vector<std::string>& environment, const Stall& stall,
                                   std::uint64_t now_ns, std::uint64_t timeout_ns) {
  auto cgroup = make_cgroup();
  auto child = spawn(argv, environment, priority_, config_.descriptors,
                     cgroup ? &cgroup->directory() : nullptr);
  if (!child) return child.error();
  if (child.value().shortcoming) warn_once(*child.value().shortcoming, has_warned_of_priority_);
  if (child.value().cgroup_problem) warn_of_cgroup(*child.value().cgroup_problem);
  if (!child.value().is_in_cgroup) cgroup.reset();
  const pid_t pid = child.value().pid;
  Config config = config_;
  if (timeout_ns != 0) config.timeout_ns = timeout_ns;
  auto command = std::make_unique<RunningCommand>(std::move(child).value(), std::move(cgroup),
                                                  stall, config, now_ns);
  if (auto watched = watch(command->pidfd().get()); !watched) return watched.error();
  if (auto watched = watch(command->pipe().get()); !watched) return watched.error();
  running_.push_back(std::move(command));
  return pid;
}

// A descriptor that is closed leaves the set by itself (epoll(7)).
Result<> CommandRunner::watch(int fd) const {
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot watch a command (epoll_ctl)");
}

std::optional<CommandCgroup> CommandRunner::make_cgroup() {
  if (!cgroups_) return std::nullopt;
  auto made = cgroups_->make();
  if (made) return std::move(made).value();
  warn_of_cgroup(made.error());
  return std::nullopt;
}

void CommandRunner::leave(std::optional<CommandCgroup> cgroup, bool was_killed) {
  if (cgroup) cgroups_->leave(std::move(*cgroup), was_killed);
}

std::uint64_t CommandRunner::wake_ns() const {
  if (!ended_.empty()) return 0;
  std::uint64_t wake_ns = leftovers_.wake_ns();
  for (const auto& command : running_) wake_ns = std::min(wake_ns, command->wake_ns());
  return wake_ns;
}

void CommandRunner::look(std::uint64_t now_ns) {
  const bool has_cgroups = cgroups_ && !cgroups_->empty();
  if (running_.empty() && leftovers_.empty() && !has_cgroups) return;
  if (now_ns < wake_ns() && !is_anything_ready()) return;
  leftovers_.look(now_ns);
  if (has_cgroups) cgroups_->look();
  std::erase_if(running_, [&](const auto& command) {
    auto ended = command->look(now_ns);
    if (!ended) return false;
    leave(command->take_cgroup(), ended->why != EndedCommand::Why::ByItself);
    ended_.push_back(std::move(*ended));
    keep_output_open(command->take_pipe());
    return true;
  });
}

void CommandRunner::keep_output_open(Fd pipe) {
  if (!pipe) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, pipe.get(), nullptr);
  const auto added = leftovers_.add(std::move(pipe));
  if (!added) return warn(added.error());
  if (added.value()) return;
  warn({"more than " + std::to_string(config_.max_leftovers) +
        " ended commands have left processes behind that keep their output open: nobody reads the "
        "oldest any more, and whoever writes to it gets SIGPIPE"});
}

void CommandRunner::warn(const Error& error) const {
  if (config_.warn) config_.warn(error);
}

// It would be the same for every command.
void CommandRunner::warn_once(const Error& error, bool& has_warned) {
  if (!std::exchange(has_warned, true)) warn(error);
}

void CommandRunner::warn_of_cgroup(const Error& error) {
  warn_once({"commands have no cgroup of their own: " + error.message, error.code},
            has_warned_of_cgroup_);
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
