// Child: a process of a scenario. Killed and reaped at the latest when its owner lets go of it; and
// when its owner dies, however it dies, the kernel kills it (PR_SET_PDEATHSIG).
//   auto child =
//       Child::start([](Line& line) -> Result<> { line.tell("here"); return line.hold(); });
//   child.value().hear();          "here"
//
// Its work runs as after fork(2): on a copy of everything, but never with its parent's destructors.
// An Error that the work returns is told to the parent, who gets it from hear() or finish().
// Children make children of their own. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "lab/line.hpp"

namespace hb::lab {

using Work = std::function<Result<>(Line&)>;

// Where a process is made.
struct Place {
  std::uint64_t namespaces = 0;  // CLONE_NEW*: it is the first process in new ones
  std::vector<pid_t> pids;       // its pid, innermost namespace first; empty: as they come
};

class Child {
 public:
  // The Error has EEXIST when a pid of `place` is somebody else's.
  static Result<Child> start(const Work& work, const Place& place = {},
                             const Patience& patience = {});

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }

  void tell(const std::string& text) const { line_.tell(text); }
  Result<Heard> hear() const { return line_.hear(patience_); }

  // Becomes readable when there is something to hear.
  [[nodiscard]] int fd() const { return line_.fd(); }

  // Waits until it has ended by itself, and reaps it. Ok only if its work was.
  Result<> finish();

 private:
  Child(pid_t pid, Fd pidfd, Line line, const Patience& patience)
      : pid_(pid), pidfd_(std::move(pidfd)), line_(std::move(line)), patience_(patience) {}

  pid_t pid_;  // -1 once reaped
  Fd pidfd_;
  Line line_;
  Patience patience_;
};

}  // namespace hb::lab
