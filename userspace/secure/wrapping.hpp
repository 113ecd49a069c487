// Wrapping: how frames are contained in UDP datagrams: sealed, or in plaintext.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <variant>

#include "identity/datagram.hpp"
#include "identity/identity.hpp"
#include "observer/counters.hpp"

namespace hb::secure {

// A frame, and what is known of the agent that sent it.
struct Unwrapped {
  FrameBytes frame;
  ClaimOnly sender;
};

// The interface that UdpSource uses. One thread.
class Wrapping {
 public:
  virtual ~Wrapping() = default;

  // The frame in a datagram from that host, or why it is dropped. `now_ns` does not decrease.
  virtual std::variant<Unwrapped, FrameDrop> unwrap(std::span<const std::uint8_t> datagram,
                                                    const HostAddress& from,
                                                    std::uint64_t now_ns) = 0;
};

// Plaintext: the datagram is the frame.
class NoWrapping final : public Wrapping {
 public:
  std::variant<Unwrapped, FrameDrop> unwrap(std::span<const std::uint8_t> datagram,
                                            const HostAddress& from,
                                            std::uint64_t /*now_ns*/) override {
    Unwrapped plain{{}, {.host = from}};
    if (datagram.size() != plain.frame.size()) return FrameDrop::WrongLength;
    std::copy(datagram.begin(), datagram.end(), plain.frame.begin());
    return plain;
  }
};

}  // namespace hb::secure
