// UdpAgent: sends datagrams over UDP. Does not block; delivery is not confirmed.
//
// Connects at the first send. Owns its descriptor. One thread.
#pragma once

#include <cstdint>
#include <span>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "transport/udp_address.hpp"

namespace hb {

class UdpAgent {
 public:
  enum class Outcome : std::uint8_t {
    Sent,
    QueueFull,  // EAGAIN or ENOBUFS: this datagram is lost
  };

  explicit UdpAgent(const UdpAddress& observer) : observer_(observer) {}

  // One datagram of any length. ECONNREFUSED: an earlier datagram was refused (ICMP port
  // unreachable); this one was sent. Any other Error: it was not sent.
  Result<Outcome> send(std::span<const std::uint8_t> bytes);

 private:
  Result<> connect();
  [[nodiscard]] int transmit(std::span<const std::uint8_t> bytes) const;

  const UdpAddress observer_;
  Fd socket_;
};

}  // namespace hb
