// ProcfsSource (--attest procfs): attestation without the kernel program, for comparison. The
// sender is the pid in SCM_CREDENTIALS, which a privileged sender can forge, and its namespace is
// that of the process that has the pid when the datagram is read. The origin of its beats is
// SocketModeOnly.
//
// Borrows the receiver. One thread.
#pragma once

#include <cstdint>
#include <optional>

#include "identity/datagram.hpp"
#include "observer/batch.hpp"
#include "observer/source.hpp"

namespace hb::intake {

class ProcfsSource final : public Source {
 public:
  // `queue_length`: the most datagrams that the socket can queue.
  ProcfsSource(Receiver& receiver, std::uint64_t start_ns, std::uint64_t queue_length)
      : batch_(receiver, Horizon(start_ns, queue_length)) {}

  std::optional<Reception> next(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t horizon_ns() const override { return batch_.horizon_ns(); }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t) const override { return kNever; }

 private:
  Batch<Receiver, Datagram> batch_;
};

}  // namespace hb::intake
