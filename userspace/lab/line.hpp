// Line: messages between two processes of a scenario, each with the pid of its sender, over a
// SOCK_SEQPACKET pair.
//
// Both ends may be inherited, so a grandchild may send on its grandparent's line; the pid is then
// the grandchild's. Waiting ends with a message, when all senders have ended, at the deadline, or
// when `stop_fd` is readable.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::lab {

// How long to wait for another process.
struct Patience {
  int stop_fd = -1;      // readable: the whole program is to end
  int deadline_ms = -1;  // -1: none; for processes that end with their parent
};

// Ok once `fd` is readable or hung up. The Error of a deadline has ETIMEDOUT, of a stop EINTR.
[[nodiscard]] Result<> wait_for(int fd, const Patience& patience, const std::string& what);

struct Heard {
  std::string text;
  pid_t pid = 0;  // of the sender, in the receiver's PID namespace; 0: none there
};

class Line {
 public:
  struct Ends;
  static Result<Ends> make();

  void tell(const std::string& text) const { say('+', text); }
  void tell_failure(const std::string& text) const { say('-', text); }

  // The next message. The Error: the sender reported a failure, a timeout, or the sender has ended.
  Result<Heard> hear(const Patience& patience = {}) const;

  [[nodiscard]] int fd() const { return fd_.get(); }

  // Stays alive until killed.
  Result<> hold() const;

 private:
  explicit Line(Fd fd) : fd_(std::move(fd)) {}
  void say(char kind, const std::string& text) const;

  Fd fd_;
};

struct Line::Ends {
  Line parents;
  Line childs;
};

}  // namespace hb::lab
