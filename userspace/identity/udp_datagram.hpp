// A UDP datagram, and the interface of the socket that it comes from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "identity/host_address.hpp"

namespace hb {

struct UdpDatagram {
  static constexpr std::size_t kMaxBytes = 64;  // the longest that any form of a frame has

  std::array<std::uint8_t, kMaxBytes + 1> room{};  // one more, to detect longer ones
  std::size_t length = 0;                          // kMaxBytes + 1: longer than kMaxBytes
  HostAddress from;  // as the datagram says, which can be forged; never all zero

  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return std::span<const std::uint8_t>(room).first(length);
  }
};

// A non-blocking datagram socket.
class UdpReceiver {
 public:
  virtual ~UdpReceiver() = default;

  // Fills the front of `batch` in the order of the queue and says how many; 0: nothing waits. The
  // Error is that of recvmmsg(2); the socket may be used again after it.
  virtual Result<std::size_t> receive(std::span<UdpDatagram> batch) = 0;
};

}  // namespace hb
