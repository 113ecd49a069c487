// A datagram off the network, and the seam to the socket that it came out of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace hb {

// Who sent it is not kept: on the network an address is a claim like any other.
struct UdpDatagram {
  static constexpr std::size_t kMaxBytes = 64;  // the longest that any form of a frame has

  std::array<std::uint8_t, kMaxBytes + 1> room{};  // and one, which shows that it was longer
  std::size_t length = 0;                          // of room; kMaxBytes + 1 stands for all above

  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return std::span<const std::uint8_t>(room).first(length);
  }
};

// A datagram socket, never blocking.
class UdpReceiver {
 public:
  virtual ~UdpReceiver() = default;

  // Fills the front of `batch` in the order of the queue and says how many; 0: nothing waits.
  // The Error is what recvmmsg(2) said; the socket may be used again after it.
  virtual Result<std::size_t> receive(std::span<UdpDatagram> batch) = 0;
};

}  // namespace hb
