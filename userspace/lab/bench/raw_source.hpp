// RawSource: frames from the socket without attestation: the claimed pid is taken as the sender.
// The baseline of the measurements.
//
// Borrows the receiver. One thread.
#pragma once

#include <cstdint>
#include <optional>

#include "identity/datagram.hpp"
#include "observer/batch.hpp"
#include "observer/source.hpp"

namespace hb::bench {

class RawSource final : public Source {
 public:
  // `ns_inode`: the observer's PID namespace, assumed for all senders.
  RawSource(Receiver& receiver, std::uint32_t ns_inode, std::uint64_t start_ns,
            std::uint64_t queue_length)
      : batch_(receiver, Horizon(start_ns, queue_length + 1)), ns_inode_(ns_inode) {}

  std::optional<Reception> next(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t horizon_ns() const override { return batch_.horizon_ns(); }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t) const override { return kNever; }

 private:
  Batch<Receiver, Datagram> batch_;
  const std::uint32_t ns_inode_;
};

}  // namespace hb::bench
