// RingSource: frames from the stamp ring. The stamp contains the frame and its sender, so nothing
// has to be paired and no system call is made.
//
// It is read whenever next() is called; wake_ns() asks for that after the drain interval, and the
// kernel program wakes the observer earlier when a quarter of the ring is in use. When the ring is
// full, datagrams are queued on the socket, whose descriptor wakes the observer. The kernel program
// has counted them (ring_full), and they are discarded here.
//
// Borrows the program, loaded for Delivery::Ring, and the receiver. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "identity/datagram.hpp"
#include "intake/ring_feed.hpp"
#include "intake/truncation_notices.hpp"
#include "kernel/stamp_counters.hpp"
#include "kernel/stamp_program.hpp"
#include "observer/source.hpp"
#include "stamp.h"

namespace hb::intake {

class RingSource final : public RingFeed {
 public:
  // `progress`: the program's, where a successor may go on. With a predecessor's program it goes on
  // where that has come to.
  RingSource(kernel::StampProgram& program, Receiver& receiver, const kernel::Config& config,
             std::uint64_t start_ns, hb_progress* progress = nullptr);

  // A socket that was passed: datagrams may wait in it, and senders that wait for room now may add
  // more later. They are discarded. Unless a predecessor's program is on it, they have no stamp,
  // and are counted as FrameDrop::BeforeStart.
  void discard_queue();

  // Every stamp is a frame here: it counts as matched when it is read, and is never an orphan.
  [[nodiscard]] kernel::StampCounters counters() const;

 private:
  std::optional<Reception> take(kernel::RingReader::Bytes record) override;
  std::optional<Reception> take_at_end(std::uint64_t now_ns) override;
  [[nodiscard]] hb_place place() const override;
  std::optional<Error> discard_refused();
  bool spend_before_start();

  kernel::StampProgram& program_;
  Receiver& receiver_;
  TruncationNotices truncations_;

  std::uint64_t frames_ = 0;
  std::uint64_t malformed_ = 0;
  std::array<Datagram, 64> discarded_;
  bool discards_queue_ = false;
  std::uint64_t discarded_count_ = 0;
  std::uint64_t before_start_ = 0;  // of these, told
};

}  // namespace hb::intake
