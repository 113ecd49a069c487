// Signals: the ones that ask something of the program, as descriptors that become readable. No code
// of ours ever runs in a signal handler (that of the watchdog's signal is empty).
//
// Taken before anything is opened, kept to the end; no thread before it. One thread, but for fd(),
// which tells any thread of what waits.
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
  // To end the program: SIGINT and SIGTERM, whatever was inherited; SIGHUP unless it was ignored
  // (nohup). SIGPIPE and SIGXFSZ are ignored from here on: a write fails instead.
  static Result<Signals> take();

  // From now on SIGHUP asks for files to be opened again and ends nothing, so it has a descriptor
  // of its own: whoever waits for fd() must not take it for the end. Even where it was ignored.
  Result<> set_hangup_apart();

  // Readable when the program is to end; the number stays the same.
  [[nodiscard]] int fd() const { return ending_.get(); }
  // Readable when SIGHUP came and was set apart; -1 while it is not.
  [[nodiscard]] int hangup_fd() const { return hangup_.get(); }

  // One that came, of those that end the program.
  std::optional<Signal> next_ending();
  // Whether SIGHUP came, however often.
  bool take_hangup();

 private:
  explicit Signals(Fd ending) : ending_(std::move(ending)) {}

  Fd ending_;
  Fd hangup_;
};

}  // namespace hb::daemon
