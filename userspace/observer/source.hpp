// The observer's seam to whatever brings frames.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/result.hpp"
#include "identity/datagram.hpp"
#include "identity/identity.hpp"
#include "observer/counters.hpp"
#include "observer/event.hpp"

namespace hb {

// 32 bytes and who sent them.
struct Arrival {
  FrameBytes bytes;
  Attestation attestation;
  BeatOrigin origin;
};

// Counted; no event.
struct Dropped {
  FrameDrop reason;
};

struct ReceiveFailed {
  Error error;
};

// Somebody sent more than credentials.
struct AncillaryTruncated {
  std::uint64_t datagrams = 1;  // that many, since the last one of these
};

using Reception = std::variant<Arrival, Dropped, ReceiveFailed, AncillaryTruncated>;

// Non-blocking. One thread. Order of calls: next() until it is empty, then horizon_ns().
class Source {
 public:
  virtual ~Source() = default;

  // The next thing that came, in the order it came; empty when there is nothing to say now. A frame
  // whose attestation is not decided yet stays inside.
  virtual std::optional<Reception> next(std::uint64_t now_ns) = 0;

  // Everything that was queued here before this instant has been returned by next(). A silence may
  // be judged up to here and no further: later beats may still wait in the socket.
  [[nodiscard]] virtual std::uint64_t horizon_ns() const = 0;

  // When next() wants to be called again even if its descriptor stays silent; kNever if not.
  [[nodiscard]] virtual std::uint64_t wake_ns(std::uint64_t now_ns) const = 0;

  // Before this instant its descriptor need not be looked at: what comes there meanwhile does not
  // age, and more of it comes at once. 0: look always.
  [[nodiscard]] virtual std::uint64_t poll_after_ns() const { return 0; }

  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
};

}  // namespace hb
