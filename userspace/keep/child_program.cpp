#include "keep/child_program.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace hb::keep {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
constexpr int kNotExecuted = 127;

// In the child. Two steps, as a descriptor may stand where another one belongs. 0, or errno.
int put_in_place(std::span<const NamedFd> descriptors, int& program) {
  const int beyond = kFirst + static_cast<int>(descriptors.size());
  std::vector<int> moved;
  for (const NamedFd& kept : descriptors) {
    moved.push_back(::fcntl(kept.fd.get(), F_DUPFD_CLOEXEC, beyond));
    if (moved.back() < 0) return errno;
  }
  program = ::fcntl(program, F_DUPFD_CLOEXEC, beyond);
  if (program < 0) return errno;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    if (::dup2(moved[i], kFirst + static_cast<int>(i)) < 0) return errno;
  }
  return 0;
}

void set(const char* variable, const std::string& value) { ::setenv(variable, value.c_str(), 1); }

// WATCHDOG_PID names the process that WATCHDOG=1 is expected of: the child, whose messages the
// keeper forwards.
void set_environment(const ChildProgram& child, pid_t keeper) {
  const std::string own_pid = std::to_string(::getpid());
  set("NOTIFY_SOCKET", child.notify_socket);
  set("FDSTORE", std::to_string(kMostKept));
  const char* watched = std::getenv("WATCHDOG_PID");
  if (watched != nullptr && watched == std::to_string(keeper)) set("WATCHDOG_PID", own_pid);
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  if (child.descriptors.empty()) return;
  std::string names;
  for (const NamedFd& kept : child.descriptors) names += (names.empty() ? "" : ":") + kept.name;
  set("LISTEN_PID", own_pid);
  set("LISTEN_FDS", std::to_string(child.descriptors.size()));
  set("LISTEN_FDNAMES", names);
}

// By its path where that leads to it: the kernel names a process that was executed by descriptor
// after the descriptor. Returns errno.
int execute(const ChildProgram& child, int program) {
  std::vector<char*> argv;
  for (const std::string& one : child.argv) argv.push_back(const_cast<char*>(one.c_str()));
  argv.push_back(nullptr);
  if (child.file.is_in_place()) {
    ::execv(child.file.path().c_str(), argv.data());
  } else {
    ::syscall(SYS_execveat, program, "", argv.data(), environ, AT_EMPTY_PATH);
  }
  return errno;
}

// Where the keeper has ended before the signal was set, nothing is started.
[[noreturn]] void become(const ChildProgram& child, pid_t keeper) {
  ::setpgid(0, 0);
  ::signal(SIGPIPE, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0UL, 0UL, 0UL);
  if (::getppid() != keeper) ::_exit(kNotExecuted);
  set_environment(child, keeper);
  int program = child.file.fd();
  int code = put_in_place(child.descriptors, program);
  if (code == 0) {
    ::sigprocmask(SIG_SETMASK, &child.signals, nullptr);
    code = execute(child, program);
  }
  const std::string why =
      "hb-ebpf: cannot execute " + child.file.path() + ": " + std::strerror(code) + "\n";
  [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, why.data(), why.size());
  ::_exit(kNotExecuted);
}

}  // namespace

Result<pid_t> start(const ChildProgram& child) {
  const pid_t keeper = ::getpid();
  const pid_t pid = ::fork();
  const int code = errno;
  if (pid < 0) return os_error(code, "cannot fork");
  if (pid == 0) become(child, keeper);
  return pid;
}

}  // namespace hb::keep
