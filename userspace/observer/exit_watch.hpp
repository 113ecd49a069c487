// The observer's seam to whatever sees processes end.
#pragma once

#include <cstdint>
#include <optional>

#include "observer/event.hpp"

namespace hb {

// A process has ended: every thread of it is past its last system call.
struct ProcessExit {
  std::uint32_t pid = 0;            // in the observer's PID namespace; never 0
  std::uint64_t generation_ns = 0;  // which of the processes that had this pid; see Identity
  std::uint64_t at_ns = 0;          // CLOCK_MONOTONIC
  ExitStatus status;
};

// Non-blocking, like a Source. One thread. Processes that never were agents may be among them.
class ExitWatch {
 public:
  virtual ~ExitWatch() = default;

  // The oldest exit that take() has not taken out yet, to be looked at; nullptr when there is none.
  // Stays where it is: its last beats may still wait in a source. Valid until the next call.
  virtual const ProcessExit* front() = 0;
  virtual void take() = 0;

  // How that process ended, if its exit is among those that have not been taken out. Looks at all
  // of them.
  [[nodiscard]] virtual std::optional<ExitStatus> find(std::uint32_t pid,
                                                       std::uint64_t generation_ns) const = 0;
};

}  // namespace hb
