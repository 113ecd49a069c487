// Interface: when did a process last attempt to send, whether or not that arrived? Used to
// distinguish an agent that is silent from one whose beats were lost.
#pragma once

#include <cstdint>
#include <optional>

#include "base/enum_values.hpp"

namespace hb {

// Why no frame arrived of a process that attempted to send.
enum class Unheard : std::uint8_t {
  RingFull,     // no room for its stamp
  RateLimited,  // it sends more than one process may
  Share,        // its uid or cgroup has used up its share
  QueueFull,    // stamped, but the socket's queue is full; it may be blocked in sendmsg(2)
};

// The names of metrics.
[[nodiscard]] constexpr const char* name(Unheard reason) {
  switch (reason) {
    case Unheard::RingFull: return "ring_full";
    case Unheard::RateLimited: return "rate_limited";
    case Unheard::Share: return "share";
    case Unheard::QueueFull: return "queue_full";
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

  // `slot`: as in the process's stamps. Empty if the process is not known any more, or never
  // attempted.
  [[nodiscard]] virtual std::optional<LastAttempt> last_attempt(
      std::uint32_t slot, std::uint64_t generation_ns) const = 0;
};

}  // namespace hb
