// Wrapping: how frames are contained in UDP datagrams: sealed, or in plaintext.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <variant>

#include "identity/datagram.hpp"
#include "observer/counters.hpp"

namespace hb::secure {

// The interface that UdpSource uses. One thread.
class Wrapping {
 public:
  virtual ~Wrapping() = default;

  // The frame in a datagram, or why it is dropped. `now_ns` does not decrease.
  virtual std::variant<FrameBytes, FrameDrop> unwrap(std::span<const std::uint8_t> datagram,
                                                     std::uint64_t now_ns) = 0;
};

// Plaintext: the datagram is the frame.
class NoWrapping final : public Wrapping {
 public:
  std::variant<FrameBytes, FrameDrop> unwrap(std::span<const std::uint8_t> datagram,
                                             std::uint64_t /*now_ns*/) override {
    FrameBytes frame{};
    if (datagram.size() != frame.size()) return FrameDrop::WrongLength;
    std::copy(datagram.begin(), datagram.end(), frame.begin());
    return frame;
  }
};

}  // namespace hb::secure
