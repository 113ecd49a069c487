// UdpSource: frames off the network, with nobody who vouches for their sender. What their origin is
// worth, the operator says.
//
// Borrows the receiver and the wrapping. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "identity/udp_datagram.hpp"
#include "observer/horizon.hpp"
#include "observer/source.hpp"
#include "secure/wrapping.hpp"

namespace hb::secure {

class UdpSource final : public Source {
 public:
  // `horizon` has the most datagrams that the socket holds back for its queue length.
  UdpSource(UdpReceiver& receiver, Wrapping& wrapping, BeatOrigin origin, const Horizon& horizon)
      : receiver_(receiver), wrapping_(wrapping), origin_(origin), horizon_(horizon) {}

  std::optional<Reception> next(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t horizon_ns() const override { return horizon_.ns(); }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t) const override { return kNever; }

 private:
  static constexpr std::size_t kBatch = 64;

  Result<std::size_t> refill(std::uint64_t now_ns);

  UdpReceiver& receiver_;
  Wrapping& wrapping_;
  const BeatOrigin origin_;
  Horizon horizon_;
  std::array<UdpDatagram, kBatch> batch_{};
  std::size_t count_ = 0;           // received by the last look
  std::size_t next_ = 0;            // and of those, handed out
  std::uint64_t looked_at_ns_ = 0;  // when that look began
};

}  // namespace hb::secure
