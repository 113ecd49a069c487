// ObserverProcess: the real `hb-ebpf run`, as a child: what it spends, what it says and when.
//
// Its event stream comes through a pipe; a line is dated when it has been read from there, so what
// is measured with it contains the way to a reader. Killed and reaped at the latest with its owner;
// dies with this process (PR_SET_PDEATHSIG). One thread.
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

  // A line of the event stream; what it does not say is 0 or empty.
  struct Said {
    std::string event;
    std::string cause;
    std::uint32_t pid = 0;
    std::uint32_t attested_pid = 0;
    std::uint64_t nonce = 0;  // of a stall, the last one
    std::uint32_t payload = 0;
    Counters counters;              // of its last words
    std::uint64_t observer_ns = 0;  // by the observer's clock
    std::uint64_t read_ns = 0;      // CLOCK_MONOTONIC
  };

  // `flags` come after those that the way needs. Agents can send to `socket` when it returns.
  static Result<ObserverProcess> start(const Lab& lab, Way way, const std::string& socket,
                                       const std::vector<std::string>& flags);

  ObserverProcess(ObserverProcess&& other) noexcept;
  ObserverProcess& operator=(ObserverProcess&&) = delete;
  ~ObserverProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] Result<std::uint64_t> cpu_ns() const;

  // The next line of the event stream; nothing when none came before the deadline. The Error is the
  // end of the stream, or the interruption.
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

  // Asks it to end (SIGTERM) and reads on to its last words, which on_line is told too. Once.
  struct End {
    std::uint64_t took_ns = 0;  // from the signal to its end
    std::uint64_t beats = 0;    // that it has seen, ever
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

// Only what a stream needs that shows no beats: the first line, the last one, and trouble.
[[nodiscard]] std::vector<std::string> quiet();

}  // namespace hb::bench
