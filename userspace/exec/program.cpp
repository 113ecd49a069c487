#include "exec/program.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace hb::exec {
namespace {

constexpr int kCannotBeExecuted = 126;
constexpr int kNotFound = 127;

// Where the parent has ended before the signal was set, nothing is started.
[[noreturn]] void run(const Argv& argv, void (*prepare)(), pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0UL, 0UL, 0UL);
  if (::getppid() != parent) ::_exit(kNotFound);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  prepare();
  const int code = become(argv);
  const std::string why =
      "hb-ebpf: cannot execute " + argv.front() + ": " + std::strerror(code) + "\n";
  [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, why.data(), why.size());
  ::_exit(not_executed(code));
}

}  // namespace

int become(const Argv& argv) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execvp(words.front(), words.data());
  return errno;
}

int not_executed(int code) { return code == ENOENT ? kNotFound : kCannotBeExecuted; }

Result<pid_t> start_program(const Argv& argv, void (*prepare)()) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  const int code = errno;
  if (pid < 0) return os_error(code, "cannot fork");
  if (pid == 0) run(argv, prepare, parent);
  return pid;
}

}  // namespace hb::exec
