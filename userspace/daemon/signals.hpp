// Signals: SIGINT, SIGTERM and SIGHUP by signalfd(2). There are no signal handlers but the
// watchdog's, which is empty.
//
// Call take() before anything is opened and before any thread is created. One thread, but any
// thread may poll fd().
#pragma once

#include <cstdint>
#include <optional>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::daemon {

enum class Signal : std::uint8_t { Interrupt, Terminate, HangUp };

// "SIGINT", ...
[[nodiscard]] const char* name(Signal signal);

class Signals {
 public:
  // SIGINT and SIGTERM end the program, even if they were ignored; SIGHUP unless it was ignored
  // (nohup). SIGPIPE and SIGXFSZ are ignored from here on: write(2) fails instead.
  static Result<Signals> take();

  // From now on SIGHUP means that files are to be opened again, also if it was ignored. It gets its
  // own descriptor, hangup_fd().
  Result<> set_hangup_apart();

  // Readable when the program is to end; does not change.
  [[nodiscard]] int fd() const { return ending_.get(); }
  // Readable when SIGHUP came; -1 before set_hangup_apart().
  [[nodiscard]] int hangup_fd() const { return hangup_.get(); }

  // The next pending signal that ends the program.
  std::optional<Signal> next_ending();
  // Whether SIGHUP came since the last call.
  bool take_hangup();

 private:
  explicit Signals(Fd ending) : ending_(std::move(ending)) {}

  Fd ending_;
  Fd hangup_;
};

}  // namespace hb::daemon
