// ObserverProcess: `hb-ebpf run` as a child process: its CPU time, its memory and its events.
//
// Its event stream is a pipe; a line's time is when it was read, so measurements include the
// reader. The destructor kills and reaps it, and it ends with this process (PR_SET_PDEATHSIG). One
// thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "lab/bench/lab.hpp"
#include "lab/bench/way.hpp"

namespace hb::bench {

class ObserverProcess {
 public:
  // "beats_total", and of a table "auth_failures_total/no_stamp".
  using Counters = std::map<std::string, std::uint64_t>;

  // A line of the event stream; missing fields are 0 or empty.
  struct Said {
    std::string event;
    std::string cause;
    std::uint32_t pid = 0;
    std::uint32_t attested_pid = 0;
    std::uint64_t nonce = 0;  // of a stall, the last one
    std::uint32_t payload = 0;
    Counters counters;              // of the last line
    std::uint64_t observer_ns = 0;  // by the observer's clock
    std::uint64_t read_ns = 0;      // CLOCK_MONOTONIC
  };

  // `flags` follow those for `way`. Agents can send to `socket` when it returns.
  static Result<ObserverProcess> start(const Lab& lab, Way way, const std::string& socket,
                                       const std::vector<std::string>& flags);

  ObserverProcess(ObserverProcess&& other) noexcept;
  ObserverProcess& operator=(ObserverProcess&&) = delete;
  ~ObserverProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] Result<std::uint64_t> cpu_ns() const;

  // The next line of the event stream; empty at the deadline. The Error: the stream has ended, or
  // interrupted.
  Result<std::optional<Said>> next_line(std::uint64_t deadline_ns);

  // Calls on_line(const Said&) for each line until the deadline.
  template <typename OnLine>
  Result<> read_until(std::uint64_t deadline_ns, OnLine&& on_line) {
    for (;;) {
      const auto said = next_line(deadline_ns);
      if (!said) return said.error();
      if (!said.value()) return ok();
      on_line(*said.value());
    }
  }

  // Sends SIGTERM and reads the stream to its end, calling on_line. Once.
  struct End {
    std::uint64_t took_ns = 0;  // from the signal to its end
    std::uint64_t beats = 0;    // beats_total
    Counters counters;
  };
  Result<End> end(const std::function<void(const Said&)>& on_line = {});

 private:
  ObserverProcess(const Lab& lab, pid_t pid, Fd out)
      : lab_(&lab), pid_(pid), out_(std::move(out)) {}

  std::optional<std::string> buffered_line();
  int reap();

  const Lab* lab_;
  pid_t pid_;  // -1 once reaped
  Fd out_;
  std::string buffer_;
  std::uint64_t read_ns_ = 0;
};

// Flags for a stream without beats.
[[nodiscard]] std::vector<std::string> quiet();

}  // namespace hb::bench
