#include "recovery/spawn.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/uninterrupted.hpp"
#include "recovery/pidfd.hpp"

namespace hb {
namespace {

constexpr mode_t kUmask = 022;
constexpr int kFirstOther = STDERR_FILENO + 1;
constexpr int kSignals = 64;
constexpr std::size_t kKernelSigset_bytes = 8;

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) == 0) return Pipe{Fd(ends[0]), Fd(ends[1])};
  const int code = errno;
  return os_error(code, "cannot make a pipe");
}

// Only the end that stays here is non-blocking: a program does not expect its output to be.
Result<Pipe> make_output_pipe() {
  auto pipe = make_pipe();
  if (!pipe || ::fcntl(pipe.value().read.get(), F_SETFL, O_NONBLOCK) == 0) return pipe;
  const int code = errno;
  return os_error(code, "cannot make a pipe non-blocking");
}

// execve(2) takes char* and leaves what it points to alone.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

struct Program {
  std::vector<char*> arguments;
  std::vector<char*> variables;
  const CommandPriority& priority;
  std::optional<rlimit> descriptors;  // that it may have
  int output;                         // its standard output and standard error
  int report;                         // closed by the exec; no standard descriptor
};

// What the child writes to `report`.
struct Failure {
  enum class Of : int { Priority, Exec } of;
  int code;
};

// --- In the child, which may have the parent's memory until it executes the program (vfork(2)):
// system calls only.

void tell(int report, const Failure& failure) {
  uninterrupted([&] { return ::write(report, &failure, sizeof(failure)); });
}

// By the system call, as sigaction(2) leaves out two that somebody may have ignored. A signal that
// is caught would become the default by itself.
void reset_signals() {
  const std::array<unsigned char, 64> by_default{};  // a kernel's sigaction, which is shorter
  for (int signal = 1; signal <= kSignals; ++signal) {
    ::syscall(SYS_rt_sigaction, signal, by_default.data(), nullptr, kKernelSigset_bytes);
  }
}

void unblock_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool close_all_but(int kept) {
  const bool is_first = kept == kFirstOther;
  return (is_first || ::close_range(kFirstOther, static_cast<unsigned>(kept) - 1, 0) == 0) &&
         ::close_range(static_cast<unsigned>(kept) + 1, ~0U, 0) == 0;
}

bool has_only_its_descriptors(const Program& program) {
  const int null = ::open("/dev/null", O_RDONLY);
  return null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 &&
         ::dup2(program.output, STDOUT_FILENO) >= 0 && ::dup2(program.output, STDERR_FILENO) >= 0 &&
         close_all_but(program.report);
}

// Programs that use select(2) break where more than 1024 descriptors are allowed.
void limit_descriptors(const std::optional<rlimit>& descriptors) {
  if (descriptors) ::setrlimit(RLIMIT_NOFILE, &*descriptors);
}

[[noreturn]] void execute(const Program& program) {
  ::setsid();
  reset_signals();
  ::umask(kUmask);
  if (has_only_its_descriptors(program) && ::chdir("/") == 0) {
    const int code = program.priority.take();
    if (code != 0) tell(program.report, {Failure::Of::Priority, code});
    limit_descriptors(program.descriptors);
    unblock_signals();
    ::execve(program.arguments[0], program.arguments.data(), program.variables.data());
  }
  const int code = errno;
  tell(program.report, {Failure::Of::Exec, code});
  ::_exit(127);
}

// --- In the parent

// A fork into another cgroup. With a write to cgroup.procs the child would get there as well, but
// that waits for all CPUs of the host (cgroup_threadgroup_rwsem), and so would the parent.
pid_t fork_into(int cgroup) {
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

// Signals wait, so that no handler runs in the child. `cgroup`: -1 is ours. The pid, or -errno.
pid_t start(const Program& program, int cgroup) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t pid = cgroup < 0 ? ::vfork() : fork_into(cgroup);
  if (pid == 0) execute(program);
  const int code = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return pid > 0 ? pid : -code;
}

// Until the exec: then the child's end is closed.
std::optional<Failure> next_failure(const Fd& report) {
  Failure failure{};
  const auto length =
      uninterrupted([&] { return ::read(report.get(), &failure, sizeof(failure)); });
  return length == sizeof(failure) ? std::optional(failure) : std::nullopt;
}

void reap(pid_t pid) {
  uninterrupted([pid] { return ::waitpid(pid, nullptr, 0); });
}

// A child that cannot be watched must not run.
void take_back(pid_t pid) {
  ::kill(-pid, SIGKILL);
  reap(pid);
}

void keep_first(std::optional<Error>& first, const Result<>& done) {
  if (!done && !first) first = done.error();
}

// What keeps it from the cgroup does not keep it from running.
Spawned start_in(const Fd* cgroup, const Program& program) {
  Spawned child;
  if (cgroup != nullptr) {
    child.pid = start(program, cgroup->get());
    child.is_in_cgroup = child.pid > 0;
    if (child.is_in_cgroup) return child;
    child.cgroup_problem = os_error(-child.pid, "cannot start a process in a cgroup (clone3)");
  }
  child.pid = start(program, -1);
  return child;
}

// The pid of a program that is being executed, and what it lacks.
Result<Spawned> execute_in_child(Program program, const Fd* cgroup, const std::string& name) {
  auto report = make_pipe();
  if (!report) return report.error();
  program.report = report.value().write.get();
  Spawned child = start_in(cgroup, program);
  report.value().write.reset();
  if (child.pid < 0) return os_error(-child.pid, "cannot execute " + name);
  while (const auto failure = next_failure(report.value().read)) {
    if (failure->of == Failure::Of::Exec) {
      reap(child.pid);
      return os_error(failure->code, "cannot execute " + name);
    }
    child.shortcoming = os_error(failure->code, "cannot give a command normal priority");
  }
  return child;
}

}  // namespace

// Otherwise a command would be executed, and killed at once since it cannot be watched.
Result<> check_spawn_is_allowed() {
  const auto denied = [](const char* call, int code) {
    return os_error(code, std::string("cannot run commands: ") + call +
                              " is denied; allow it in the container's seccomp filter, or do "
                              "without commands");
  };
  if (const auto pidfd = open_pidfd(static_cast<std::uint32_t>(::getpid())); !pidfd) {
    return denied("pidfd_open(2)", pidfd.error().code);
  }
  if (::close_range(~0U, ~0U, 0) == 0) return ok();
  const int code = errno;
  return denied("close_range(2)", code);
}

Result<Spawned> spawn(const std::vector<std::string>& argv,
                      const std::vector<std::string>& environment, CommandPriority& priority,
                      std::optional<rlimit> descriptors, const Fd* cgroup) {
  auto pipe = make_output_pipe();
  if (!pipe) return pipe.error();
  const auto lent = priority.lend_oom_score();
  auto child = execute_in_child(
      {pointers(argv), pointers(environment), priority, descriptors, pipe.value().write.get(), -1},
      cgroup, argv.front());
  const auto restored = priority.take_oom_score_back();
  if (!child) return child;
  pipe.value().write.reset();  // which also frees the number that the pidfd will need
  auto pidfd = open_pidfd(static_cast<std::uint32_t>(child.value().pid));
  if (!pidfd) {
    take_back(child.value().pid);
    return pidfd.error();
  }
  child.value().pidfd = std::move(pidfd).value();
  child.value().output = std::move(pipe.value().read);
  keep_first(child.value().shortcoming, lent);
  keep_first(child.value().shortcoming, restored);
  return child;
}

}  // namespace hb
