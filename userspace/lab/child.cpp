#include "lab/child.hpp"

#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <utility>

namespace hb::lab {
namespace {

constexpr int kFailed = 1;

// The parent may have ended before PR_SET_PDEATHSIG was set.
void die_with(const Fd& parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd polled{parent.get(), POLLIN, 0};
  if (::poll(&polled, 1, 0) != 0) ::_exit(kFailed);
}

Result<> run(const Work& work, Line& line) {
  try {
    return work(line);
  } catch (const std::exception& error) {
    return Error{error.what()};
  }
}

[[noreturn]] void live(const Work& work, Line& line) {
  const auto done = run(work, line);
  if (!done) line.tell_failure(done.error().message);
  ::_exit(done ? 0 : kFailed);
}

// clone3(2); 0 in the child.
pid_t clone(const Place& place, int& pidfd) {
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD | place.namespaces;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<std::uintptr_t>(place.pids.data());
  arguments.set_tid_size = place.pids.size();
  if (place.pids.empty()) arguments.set_tid = 0;
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

}  // namespace

Result<Child> Child::start(const Work& work, const Place& place, const Patience& patience) {
  auto ends = Line::make();
  if (!ends) return ends.error();
  const Fd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!self) {
    const int code = errno;
    return os_error(code, "cannot refer to this process (pidfd_open)");
  }
  int pidfd = -1;
  const pid_t pid = clone(place, pidfd);
  const int code = errno;
  if (pid < 0) return os_error(code, "cannot make a process (clone3)");
  auto [parents, childs] = std::move(ends).value();
  if (pid == 0) {
    die_with(self);
    { const Line closed = std::move(parents); }
    live(work, childs);
  }
  return Child(pid, Fd(pidfd), std::move(parents), patience);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      line_(std::move(other.line_)),
      patience_(other.patience_) {}

Child::~Child() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<> Child::finish() {
  if (auto ended = wait_for(pidfd_.get(), patience_, "a process to end"); !ended) return ended;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (status == 0) return ok();
  for (;;) {
    const auto told = line_.hear({-1, 0});
    if (!told) return told.error();
  }
}

}  // namespace hb::lab
