// A process forked from the observer, for work that must not block its loop or that takes other
// privileges. Fork it early: before there is a second thread, and before a secret is in memory.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// The parent's side. Move-only. Close the process's socket first: the destructor waits at most one
// second for the end of the process, then kills it, and reaps it.
class ForkedProcess {
 public:
  // `work` runs in the child and must not return.
  [[nodiscard]] static Result<ForkedProcess> start(const std::function<void()>& work);
  ForkedProcess(ForkedProcess&& other) noexcept;
  ForkedProcess& operator=(ForkedProcess&&) = delete;
  ~ForkedProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }  // -1: reaped
  // Readable when the process has ended; -1: reaped.
  [[nodiscard]] int fd() const { return pidfd_.get(); }
  // Never blocks.
  void reap_if_ended();

 private:
  ForkedProcess(pid_t pid, Fd pidfd);

  pid_t pid_;  // -1: moved from, or reaped
  Fd pidfd_;
};

// The parent's end of the socket to the process of this name, as the only member of an epoll set
// (level-triggered): a descriptor to wait on that stays when the socket is closed.
[[nodiscard]] Result<Fd> watch_socket(const Fd& socket, const std::string& name);

// What the child does first: a session and a name (at most 15 bytes) of its own, all signals
// blocked, /dev/null at 0 to 2, and nothing else open but `kept`, whose numbers may change. So
// whoever reads the observer's output sees its end when the observer ends.
[[nodiscard]] Result<> detach_from_parent(const char* name, const std::vector<Fd*>& kept);

// What the child does last before its work: no capability, no new privileges, not traceable by
// others of its user, and SIGKILL when the thread that forked it ends. The kernel sends that one
// only where the thread may signal the process at its end: not to another user's, without CAP_KILL.
[[nodiscard]] Result<> renounce_privileges(pid_t parent);

}  // namespace hb
