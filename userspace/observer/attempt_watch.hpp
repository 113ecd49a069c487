// Interface: what the kernel knows of a process that sends, beside what arrives of it. When it last
// attempted to send distinguishes an agent that is silent from one whose beats were lost.
//
// `slot`: as in the process's stamps.
#pragma once

#include <cstdint>
#include <optional>

#include "base/enum_values.hpp"
#include "identity/comm.hpp"

namespace hb {

// Why an agent of which no frame arrived is not silent.
enum class Unheard : std::uint8_t {
  RingFull,     // no room for its stamp
  RateLimited,  // it sends more than one process may
  Share,        // its uid or cgroup has used up its share
  QueueFull,    // stamped, but the socket's queue is full; it may be blocked in sendmsg(2)
  Unreachable,  // it may have attempted: agents cannot reach the observer (Reach)
};

// The names of metrics.
[[nodiscard]] constexpr const char* name(Unheard reason) {
  switch (reason) {
    case Unheard::RingFull: return "ring_full";
    case Unheard::RateLimited: return "rate_limited";
    case Unheard::Share: return "share";
    case Unheard::QueueFull: return "queue_full";
    case Unheard::Unreachable: return "unreachable";
  }
  return kNoName;
}

struct LastAttempt {
  std::uint64_t at_ns;  // CLOCK_MONOTONIC inside sendmsg(2)
  Unheard reason;       // applies if no frame of that time or later has come
};

class AttemptWatch {
 public:
  virtual ~AttemptWatch() = default;

  // Empty if the process is not known any more, or never attempted.
  [[nodiscard]] virtual std::optional<LastAttempt> last_attempt(
      std::uint32_t slot, std::uint64_t generation_ns) const = 0;

  // Its name at about its last attempt; not known likewise.
  [[nodiscard]] virtual Comm comm(std::uint32_t slot, std::uint64_t generation_ns) const = 0;

  // Since when it has been ending by a signal that dumps core (CLOCK_MONOTONIC): until it has, it
  // may be writing its core. Empty likewise, if there was no such signal, or if the kernel does not
  // tell of it.
  [[nodiscard]] virtual std::optional<std::uint64_t> fatal_since_ns(
      std::uint32_t slot, std::uint64_t generation_ns) const = 0;
};

}  // namespace hb
