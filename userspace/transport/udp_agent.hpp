// UdpAgent: the sending end over UDP. Never blocks, and is never told whether anybody received.
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
    Sent,       // on its way
    QueueFull,  // there was no room on the way out; this datagram is lost
  };

  explicit UdpAgent(const UdpAddress& observer) : observer_(observer) {}

  // One datagram of any length. The Error says why nobody gets it; or that nobody got the one
  // before (the other host said so meanwhile), in which case this one has been sent nevertheless.
  Result<Outcome> send(std::span<const std::uint8_t> bytes);

 private:
  Result<> connect();
  [[nodiscard]] int transmit(std::span<const std::uint8_t> bytes) const;

  const UdpAddress observer_;
  Fd socket_;
};

}  // namespace hb
