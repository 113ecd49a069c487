// Interface: the exits of processes.
#pragma once

#include <cstdint>
#include <optional>

#include "observer/event.hpp"

namespace hb {

// A process has ended: all its threads are past their last system call.
struct ProcessExit {
  std::uint32_t pid = 0;            // in the observer's PID namespace; never 0
  std::uint64_t generation_ns = 0;  // which of the processes that had this pid; see Identity
  std::uint64_t at_ns = 0;          // CLOCK_MONOTONIC
  ExitStatus status;
  Comm comm = {};  // its name at about its last attempt to send
};

// Non-blocking. One thread. Reports exits of processes that never were agents, too.
class ExitWatch {
 public:
  virtual ~ExitWatch() = default;

  // The oldest exit that take() has not removed; nullptr when there is none. It stays until the
  // last beats of that process have been read. Valid until the next call.
  virtual const ProcessExit* front() = 0;
  virtual void take() = 0;

  // The exit of that process, if it has not been removed by take(). Scans all of these.
  [[nodiscard]] virtual std::optional<ProcessExit> find(std::uint32_t pid,
                                                        std::uint64_t generation_ns) const = 0;
};

}  // namespace hb
