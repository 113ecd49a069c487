// ProcfsSource: attestation the old way, for comparison. The sender is the pid in SCM_CREDENTIALS,
// which a privileged sender chooses itself, and its namespace is that of whoever has the pid when
// the datagram is read. Its beats therefore never rank above SocketModeOnly.
//
// Borrows the receiver. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "identity/datagram.hpp"
#include "observer/horizon.hpp"
#include "observer/source.hpp"

namespace hb {

class ProcfsSource final : public Source {
 public:
  // `queue_length` is the most datagrams that the socket holds back.
  ProcfsSource(Receiver& receiver, std::uint64_t start_ns, std::uint64_t queue_length)
      : receiver_(receiver), horizon_(start_ns, queue_length) {}

  std::optional<Reception> next(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t horizon_ns() const override { return horizon_.ns(); }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t) const override { return kNever; }

 private:
  static constexpr std::size_t kBatch = 64;

  Result<std::size_t> refill(std::uint64_t now_ns);

  Receiver& receiver_;
  Horizon horizon_;
  std::array<Datagram, kBatch> batch_{};
  std::size_t count_ = 0;           // received by the last look
  std::size_t next_ = 0;            // and of those, handed out
  std::uint64_t looked_at_ns_ = 0;  // when that look began
};

}  // namespace hb
