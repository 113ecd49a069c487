// RawSource: frames straight from the socket, each believed to come from the process that it
// names. What everything else is measured against: the least that an observer can do.
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

namespace hb::bench {

class RawSource final : public Source {
 public:
  // `ns_inode`: the observer's PID namespace, in which everybody is taken to be.
  RawSource(Receiver& receiver, std::uint32_t ns_inode, std::uint64_t start_ns,
            std::uint64_t queue_length)
      : receiver_(receiver), ns_inode_(ns_inode), horizon_(start_ns, queue_length + 1) {}

  std::optional<Reception> next(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t horizon_ns() const override { return horizon_.ns(); }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t) const override { return kNever; }

 private:
  static constexpr std::size_t kBatch = 64;

  Receiver& receiver_;
  const std::uint32_t ns_inode_;
  Horizon horizon_;
  std::array<Datagram, kBatch> batch_{};
  std::size_t count_ = 0;
  std::size_t next_ = 0;
};

}  // namespace hb::bench
