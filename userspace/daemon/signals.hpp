// Signals: SIGINT, SIGTERM, SIGHUP and SIGUSR1 by signalfd(2). There are no signal handlers but the
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

// What is asked of the observer by SIGHUP and SIGUSR1.
enum class Request : std::uint8_t { OpenAgain, TellCounters };

class Signals {
 public:
  // SIGINT and SIGTERM end the program, even if they were ignored; SIGHUP unless it was ignored
  // (nohup). SIGPIPE and SIGXFSZ are ignored from here on: write(2) fails instead.
  static Result<Signals> take();

  // From now on SIGHUP and SIGUSR1 are requests, also if they were ignored, with a descriptor of
  // their own, requests_fd().
  Result<> set_requests_apart();

  // Readable when the program is to end; does not change.
  [[nodiscard]] int fd() const { return ending_.get(); }
  // Readable when a request came; -1 before set_requests_apart().
  [[nodiscard]] int requests_fd() const { return requests_.get(); }

  // The next pending signal that ends the program.
  std::optional<Signal> next_ending();
  // The next pending request.
  std::optional<Request> next_request();

 private:
  explicit Signals(Fd ending) : ending_(std::move(ending)) {}

  Fd ending_;
  Fd requests_;
};

}  // namespace hb::daemon
