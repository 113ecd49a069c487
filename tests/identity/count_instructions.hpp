// How many instructions something takes, counted one by one by ptrace(2): the same on a machine
// that is busy with something else.
#pragma once

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>

namespace hb {

// Runs f() in a child of its own, twice: the first time for what only a first time takes (pages,
// late binding). 0 if the child could not be traced to its end.
template <typename F>
std::uint64_t count_instructions(F f) {
  const pid_t child = ::fork();
  if (child == -1) throw std::runtime_error("fork");
  if (child == 0) {
    f();
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(1);
    ::raise(SIGSTOP);
    f();
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  std::uint64_t instructions = 0;
  const auto stopped_by = [&](int signal) {
    return WIFSTOPPED(status) && WSTOPSIG(status) == signal;
  };
  ::waitpid(child, &status, 0);
  if (stopped_by(SIGSTOP)) {
    do {
      instructions++;
      ::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
      ::waitpid(child, &status, 0);
    } while (stopped_by(SIGTRAP));
  }
  if (!stopped_by(SIGSTOP)) instructions = 0;
  if (!WIFEXITED(status) && !WIFSIGNALED(status)) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
  }
  return instructions;
}

}  // namespace hb
