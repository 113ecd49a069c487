// Captive: a thread of a running observer that is made to call what somebody would who has taken it
// over. x86-64 only.
#pragma once

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace hb::test {

struct Call {
  const char* name;
  long number;
  std::vector<unsigned long> arguments = {};
};

inline unsigned long argument(const Call& call, std::size_t index) {
  return index < call.arguments.size() ? call.arguments[index] : 0;
}

// One thread of a process, which is made to call something else than it wanted to.
class Captive {
 public:
  explicit Captive(pid_t pid) : pid_(pid) {
    is_traced_ = ::ptrace(PTRACE_SEIZE, pid_, nullptr, PTRACE_O_TRACESYSGOOD) == 0 &&
                 ::ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr) == 0 && wait();
  }
  ~Captive() { ::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr); }
  Captive(const Captive&) = delete;
  Captive& operator=(const Captive&) = delete;

  [[nodiscard]] bool is_traced() const { return is_traced_; }

  // Whether the call is refused with SIGSYS. It is made in place of a ppoll(2), which then returns
  // EINTR.
  bool is_refused(const Call& call) {
    const auto before = begin(call);
    if (!before || !run_to_system_call()) return false;  // its end
    const bool refused = run_to_signal();
    if (refused) return_after_handler(*before, -EINTR);
    return refused;
  }

  // 0, or the errno of openat(2), which is made in place of a ppoll(2) as well. A descriptor that
  // it opens stays open.
  int error_of_open(const std::string& path, unsigned long flags) {
    if (!run_to_poll()) return -1;
    const unsigned long place = registers().rsp - kBelowRedZone;
    for (std::size_t i = 0; i <= path.size(); i += sizeof(long)) {
      long word = 0;
      std::memcpy(&word, path.c_str() + i, std::min(sizeof(word), path.size() + 1 - i));
      if (::ptrace(PTRACE_POKEDATA, pid_, place + i, word) != 0) return -1;
    }
    const Call call{"openat", SYS_openat, {static_cast<unsigned long>(AT_FDCWD), place, flags}};
    user_regs_struct before = replace(call);
    if (!run_to_system_call()) return -1;
    const auto result = static_cast<long>(registers().rax);
    before.rax = static_cast<unsigned long>(-EINTR);
    before.orig_rax = ~0UL;
    ::ptrace(PTRACE_SETREGS, pid_, nullptr, &before);
    return result < 0 ? static_cast<int>(-result) : 0;
  }

 private:
  bool wait() { return ::waitpid(pid_, &status_, __WALL) == pid_ && WIFSTOPPED(status_); }

  bool resume(int signal = 0) {
    return ::ptrace(PTRACE_SYSCALL, pid_, nullptr, signal) == 0 && wait();
  }

  [[nodiscard]] user_regs_struct registers() const {
    user_regs_struct all{};
    ::ptrace(PTRACE_GETREGS, pid_, nullptr, &all);
    return all;
  }

  // Where it was.
  std::optional<user_regs_struct> begin(const Call& call) {
    if (!run_to_poll()) return std::nullopt;
    return replace(call);
  }

  user_regs_struct replace(const Call& call) {
    const user_regs_struct before = registers();
    user_regs_struct other = before;
    other.orig_rax = static_cast<unsigned long>(call.number);
    other.rdi = argument(call, 0);
    other.rsi = argument(call, 1);
    other.rdx = argument(call, 2);
    other.r10 = argument(call, 3);
    other.r8 = argument(call, 4);
    other.r9 = argument(call, 5);
    ::ptrace(PTRACE_SETREGS, pid_, nullptr, &other);
    return before;
  }

  // To where a call begins or ends.
  bool run_to_system_call() {
    for (int i = 0; i < kMostStops && resume(); ++i) {
      if (WSTOPSIG(status_) == (SIGTRAP | 0x80)) return true;
    }
    return false;
  }

  // The register has -ENOSYS where a call begins.
  bool run_to_poll() {
    for (int i = 0; i < kMostStops && run_to_system_call(); ++i) {
      const user_regs_struct now = registers();
      if (now.orig_rax == SYS_ppoll && now.rax == static_cast<unsigned long>(-ENOSYS)) return true;
    }
    return false;
  }

  // The next stop is for SIGSYS.
  bool run_to_signal() { return resume() && WSTOPSIG(status_) == SIGSYS; }

  // The handler runs, and returns by a system call, rt_sigreturn(2), the only one it makes.
  void return_after_handler(user_regs_struct from, int result) {
    if (!resume(SIGSYS) || !run_to_system_call()) return;
    from.rax = static_cast<unsigned long>(result);
    from.orig_rax = ~0UL;  // no system call is to be begun again
    ::ptrace(PTRACE_SETREGS, pid_, nullptr, &from);
  }

  static constexpr int kMostStops = 1'000;
  static constexpr unsigned long kBelowRedZone = 8192;

  const pid_t pid_;
  int status_ = 0;
  bool is_traced_ = false;
};

}  // namespace hb::test
