// RingSource: frames out of the stamp ring itself. The record is the frame and says who sent it:
// nothing to pair, nothing to wait for, and no system call.
//
// It is read whenever next() is called, and wake_ns() asks for that after the drain interval. The
// kernel program wakes the observer sooner when the ring is filling up. Where it did fill up, the
// refused datagrams are on the socket, whose descriptor wakes the observer; they were counted by
// the kernel program (ring_full) and are thrown away here.
//
// Borrows the program, loaded for Delivery::Ring, and the receiver. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "identity/datagram.hpp"
#include "intake/truncation_notices.hpp"
#include "kernel/stamp_counters.hpp"
#include "kernel/stamp_program.hpp"
#include "observer/source.hpp"

namespace hb::intake {

class RingSource final : public Source {
 public:
  RingSource(kernel::StampProgram& program, Receiver& receiver, const kernel::Config& config,
             std::uint64_t start_ns);

  std::optional<Reception> next(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t horizon_ns() const override { return horizon_ns_; }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t now_ns) const override;

  // Every stamp is a frame here: matched as soon as it is read, and none is ever an orphan.
  [[nodiscard]] kernel::StampCounters counters() const;

 private:
  void look_ahead(std::uint64_t now_ns);
  std::optional<Error> discard_refused();

  kernel::StampProgram& program_;
  kernel::RingReader& ring_;
  Receiver& receiver_;
  TruncationNotices truncations_;
  const std::uint64_t drain_interval_ns_;

  // What was reserved before mark_ns_ ends at mark_. Once it has been read, the horizon is there.
  std::uint64_t horizon_ns_;
  std::uint64_t mark_ns_;
  std::uint64_t mark_;

  std::uint64_t frames_ = 0;
  std::uint64_t malformed_ = 0;
  std::array<Datagram, 64> discarded_;
};

}  // namespace hb::intake
