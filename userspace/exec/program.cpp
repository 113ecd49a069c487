#include "exec/program.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/fd.hpp"
#include "base/uninterrupted.hpp"

namespace hb::exec {
namespace {

constexpr int kCannotBeExecuted = 126;
constexpr int kNotFound = 127;

// Where the parent has ended before the signal was set, nothing is started. `failure` takes the
// errno of what cannot be executed, and is closed by what can.
[[noreturn]] void run(const Argv& argv, void (*prepare)(), pid_t parent, const Fd& failure) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0UL, 0UL, 0UL);
  if (::getppid() != parent) ::_exit(kNotFound);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  prepare();
  const int code = become(argv);
  [[maybe_unused]] const ssize_t told = ::write(failure.get(), &code, sizeof(code));
  ::_exit(not_executed(code));
}

}  // namespace

int become(const Argv& argv) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execvp(words.front(), words.data());
  return errno;
}

int not_executed(int code) { return code == ENOENT ? kNotFound : kCannotBeExecuted; }

Result<pid_t> start_program(const Argv& argv, void (*prepare)()) {
  int ends[2] = {-1, -1};
  const int piped = ::pipe2(ends, O_CLOEXEC);
  int code = errno;
  if (piped != 0) return os_error(code, "cannot start " + argv.front() + " (pipe2)");
  const Fd failure(ends[0]);
  Fd failed(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  code = errno;
  if (pid < 0) return os_error(code, "cannot start " + argv.front() + " (fork)");
  if (pid == 0) run(argv, prepare, parent, failed);
  failed.reset();
  const auto told = uninterrupted([&] { return ::read(failure.get(), &code, sizeof(code)); });
  if (told != sizeof(code)) return pid;
  uninterrupted([&] { return ::waitpid(pid, nullptr, 0); });
  return os_error(code, "cannot execute " + argv.front());
}

}  // namespace hb::exec
