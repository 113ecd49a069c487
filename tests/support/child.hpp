// Child: a forked process of a test, killed and reaped at the latest when the test lets go of it.
#pragma once

#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace hb::test {

class Child {
 public:
  // Runs `work` in a new process, in new namespaces if `clone_flags` says so; exit status 0 when it
  // returns. Never runs the parent's destructors.
  template <typename Work>
  static Child run(Work&& work, std::uint64_t clone_flags = 0) {
    clone_args arguments{};
    arguments.flags = clone_flags;
    return make(work, arguments);
  }

  // The same under this very pid, which must be free: a pid recycled at will. Root.
  template <typename Work>
  static Child run_as(pid_t pid, Work&& work) {
    clone_args arguments{};
    arguments.set_tid = reinterpret_cast<std::uintptr_t>(&pid);
    arguments.set_tid_size = 1;
    return make(work, arguments);
  }

  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    wait();
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Its wait status; -1 when it could not be made or was waited for before.
  int wait() {
    int status = -1;
    if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

 private:
  template <typename Work>
  static Child make(Work& work, clone_args& arguments) {
    arguments.exit_signal = SIGCHLD;
    const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // also when the test is killed
      work();
      ::_exit(0);
    }
    return Child(static_cast<pid_t>(pid));
  }

  explicit Child(pid_t pid) : pid_(pid) {}

  pid_t pid_;
};

}  // namespace hb::test
