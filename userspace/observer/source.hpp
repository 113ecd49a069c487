// Interface: a source of frames.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/result.hpp"
#include "identity/datagram.hpp"
#include "identity/identity.hpp"
#include "notify/message.hpp"
#include "observer/counters.hpp"
#include "observer/event.hpp"

namespace hb {

// A frame's bytes and their sender.
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

// Datagrams that carried more than credentials.
struct AncillaryTruncated {
  std::uint64_t datagrams = 1;  // how many, since the last one of these
};

// A message of the notify protocol, and its sender.
struct Notification {
  Attestation sender;
  // What it refers to is the source's, and valid until handled().
  notify::Message message;
  bool names_other = false;  // its SCM_CREDENTIALS name another process
};

using Reception = std::variant<Arrival, Dropped, ReceiveFailed, AncillaryTruncated, Notification>;

// Non-blocking. One thread. Order of calls: next() until it is empty, then horizon_ns().
class Source {
 public:
  virtual ~Source() = default;

  // The next reception, in the order of arrival; empty when there is none now. A frame whose
  // attestation is not decided yet stays inside.
  virtual std::optional<Reception> next(std::uint64_t now_ns) = 0;

  // The oldest reception that next() has returned and that was not handled yet is handled now, and
  // its event has been told. Called for each, in their order; at most Feeds::kAhead wait.
  virtual void handled() {}

  // Everything that was queued here before this instant has been returned by next(). A silence may
  // be judged up to here and no further: later beats may still wait in the socket.
  [[nodiscard]] virtual std::uint64_t horizon_ns() const = 0;

  // When next() must be called again even if the descriptor is not readable; kNever if not.
  [[nodiscard]] virtual std::uint64_t wake_ns(std::uint64_t now_ns) const = 0;

  // The descriptor need not be polled before this instant: frames lose nothing by waiting, and are
  // then read in one batch. 0: always poll.
  [[nodiscard]] virtual std::uint64_t poll_after_ns() const { return 0; }

  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
};

}  // namespace hb
