// Wrapping: what is around the frames on a UDP socket.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <variant>

#include "identity/datagram.hpp"
#include "observer/counters.hpp"

namespace hb::secure {

// The seam of UdpSource. One thread.
class Wrapping {
 public:
  virtual ~Wrapping() = default;

  // The frame in a datagram, or why there is none to speak of. The instants never go back.
  virtual std::variant<FrameBytes, FrameDrop> unwrap(std::span<const std::uint8_t> datagram,
                                                     std::uint64_t now_ns) = 0;
};

// Nothing: a datagram is a frame, from anybody.
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
