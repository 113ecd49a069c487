// HeldThread: stops the main thread of another process inside a chosen system call, as if that
// blocked. The other threads continue.
//
// Uses ptrace(2). Needs permission to trace it: root, as the observer is not dumpable. Released by
// release() or the destructor.
#pragma once

#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdint>

namespace hb::test {

class HeldThread {
 public:
  explicit HeldThread(pid_t pid) : pid_(pid) {
    traced_ = ::ptrace(PTRACE_SEIZE, pid_, nullptr, PTRACE_O_TRACESYSGOOD) == 0 &&
              ::ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr) == 0 && is_stopped();
  }
  HeldThread(const HeldThread&) = delete;
  HeldThread& operator=(const HeldThread&) = delete;
  ~HeldThread() { release(); }

  // Wherever it is now.
  [[nodiscard]] bool is_held() const { return traced_; }

  // Lets it go on until it enters this system call; whether it is held there.
  bool at(long number) {
    while (traced_) {
      if (::ptrace(PTRACE_SYSCALL, pid_, nullptr, pending_signal_) != 0 || !is_stopped()) break;
      if (is_entering(number)) return true;
    }
    return traced_ = false;
  }

  void release() {
    if (traced_) ::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
    traced_ = false;
  }

 private:
  // Waits for the next stop. A signal that stopped it is delivered when it goes on.
  bool is_stopped() {
    int status = 0;
    if (::waitpid(pid_, &status, __WALL) != pid_ || !WIFSTOPPED(status)) return false;
    const bool is_signal = status >> 16 == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80);
    pending_signal_ = is_signal ? WSTOPSIG(status) : 0;
    return true;
  }

  [[nodiscard]] bool is_entering(long number) const {
    __ptrace_syscall_info info{};
    return ::ptrace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof(info), &info) > 0 &&
           info.op == PTRACE_SYSCALL_INFO_ENTRY &&
           info.entry.nr == static_cast<std::uint64_t>(number);
  }

  const pid_t pid_;
  bool traced_ = false;
  long pending_signal_ = 0;
};

}  // namespace hb::test
