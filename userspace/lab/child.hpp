// Child: a process of a scenario. The destructor kills and reaps it; if the parent process ends,
// the kernel kills it (PR_SET_PDEATHSIG).
//
//   auto child =
//       Child::start([](Line& line) -> Result<> { line.tell("here"); return line.hold(); });
//   child.value().hear();          "here"
//
// Its work runs as after fork(2), on a copy of memory, but its parent's destructors do not run. The
// parent gets an Error of the work from hear() or finish(). Children may have children. One thread.
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

// The namespaces and pids of a new process.
struct Place {
  std::uint64_t namespaces = 0;  // CLONE_NEW*
  std::vector<pid_t> pids;       // its pids, innermost namespace first (set_tid); empty: any
};

class Child {
 public:
  // The Error has EEXIST when a pid of `place` is in use.
  static Result<Child> start(const Work& work, const Place& place = {},
                             const Patience& patience = {});

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }

  void tell(const std::string& text) const { line_.tell(text); }
  Result<Heard> hear() const { return line_.hear(patience_); }

  // Becomes readable when hear() has a message.
  [[nodiscard]] int fd() const { return line_.fd(); }

  // Waits until it has ended by itself, and reaps it. Ok if its work returned ok.
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
