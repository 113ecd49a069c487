// UdpSource: frames from the network, whose sender is not attested. Their origin is what the
// operator has configured. What comes from one of this host's own addresses is from this host.
//
// Borrows the receiver, the wrapping and the addresses. One thread.
#pragma once

#include <cstdint>
#include <optional>

#include "identity/host_address.hpp"
#include "identity/udp_datagram.hpp"
#include "observer/batch.hpp"
#include "observer/source.hpp"
#include "secure/wrapping.hpp"

namespace hb::intake {

class UdpSource final : public Source {
 public:
  // `horizon` is constructed with UdpListener::queue_length().
  UdpSource(UdpReceiver& receiver, secure::Wrapping& wrapping, OwnAddresses& own, BeatOrigin origin,
            const Horizon& horizon)
      : batch_(receiver, horizon), wrapping_(wrapping), own_(own), origin_(origin) {}

  std::optional<Reception> next(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t horizon_ns() const override { return batch_.horizon_ns(); }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t) const override { return kNever; }

 private:
  Batch<UdpReceiver, UdpDatagram> batch_;
  secure::Wrapping& wrapping_;
  OwnAddresses& own_;
  const BeatOrigin origin_;
};

}  // namespace hb::intake
