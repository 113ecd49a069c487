// Line: how two processes of a scenario talk: short messages, each whole, each with the pid of
// whoever said it.
//
// Both ends may be inherited, so a grandchild may speak on its grandparent's line; the pid is then
// the grandchild's, as the hearer sees it. Owned by one process at each end. Waiting ends when
// somebody speaks, when nobody is left who could, at the deadline, or when `stop_fd` is readable.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::lab {

// How long to wait for another process.
struct Patience {
  int stop_fd = -1;      // readable: the whole program is to end
  int deadline_ms = -1;  // -1: for ever; who dies with its parent may wait so
};

// Ok once `fd` is readable or hung up. The Error of a deadline has ETIMEDOUT, of a stop EINTR.
[[nodiscard]] Result<> wait_for(int fd, const Patience& patience, const std::string& what);

struct Heard {
  std::string text;
  pid_t pid = 0;  // of the speaker, in the hearer's PID namespace; 0: out of sight
};

class Line {
 public:
  struct Ends;
  static Result<Ends> make();

  void tell(const std::string& text) const { say('+', text); }
  void tell_failure(const std::string& text) const { say('-', text); }

  // What was told; the Error is a failure that was told (its words), silence, or the end.
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
