// The observer's seam to whatever knows when a process last tried to send, whether or not that
// arrived. Absence of frames alone is not silence.
#pragma once

#include <cstdint>
#include <optional>

#include "base/enum_values.hpp"

namespace hb {

// Why a process that tried to send was not heard.
enum class Unheard : std::uint8_t {
  RingFull,     // no room for its stamp
  RateLimited,  // it sends more than one process may
  Share,        // its uid or cgroup has used up its share
  QueueFull,    // stamped, but no room in the socket's queue, or it waits for room there
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
  Unheard reason;       // if no frame of that time or later has come
};

class AttemptWatch {
 public:
  virtual ~AttemptWatch() = default;

  // `slot`: as in the process's stamps. Empty where that process is not known any more, or has
  // never sent anything that looked like its own frame.
  [[nodiscard]] virtual std::optional<LastAttempt> last_attempt(
      std::uint32_t slot, std::uint64_t generation_ns) const = 0;
};

}  // namespace hb
