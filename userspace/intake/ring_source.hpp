// RingSource: frames from the stamp ring. The stamp contains the frame and its sender, so nothing
// has to be paired and no system call is made.
//
// It is read whenever next() is called; wake_ns() asks for that after the drain interval, and the
// kernel program wakes the observer earlier when a quarter of the ring is in use. When the ring is
// full, datagrams are queued on the socket, whose descriptor wakes the observer. The kernel program
// has counted them (ring_full), and they are discarded here.
//
// Where a successor may go on, a record stays in the ring until it has been handled, and how far
// that has come is noted in the program's memory, so that a process that is killed at any
// instruction loses no frame. The one that was in hand then is read again.
//
// Borrows the program, loaded for Delivery::Ring, and the receiver. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "identity/datagram.hpp"
#include "intake/truncation_notices.hpp"
#include "kernel/stamp_counters.hpp"
#include "kernel/stamp_program.hpp"
#include "observer/feeds.hpp"
#include "observer/source.hpp"
#include "stamp.h"

namespace hb::intake {

class RingSource final : public Source {
 public:
  // `progress`: the program's, where a successor may go on. With a predecessor's program it goes on
  // where that has come to.
  RingSource(kernel::StampProgram& program, Receiver& receiver, const kernel::Config& config,
             std::uint64_t start_ns, hb_progress* progress = nullptr);

  // A socket that was passed: datagrams may wait in it, and senders that wait for room now may add
  // more later. They are discarded. Unless a predecessor's program is on it, they have no stamp,
  // and are counted as FrameDrop::BeforeStart.
  void discard_queue();

  std::optional<Reception> next(std::uint64_t now_ns) override;
  void handled() override;
  [[nodiscard]] std::uint64_t horizon_ns() const override { return horizon_ns_; }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t now_ns) const override;

  // Every stamp is a frame here: it counts as matched when it is read, and is never an orphan.
  [[nodiscard]] kernel::StampCounters counters() const;

  // When the latest self-beat that was read had been sent; 0: none was read.
  [[nodiscard]] std::uint64_t self_beat_ns() const { return self_beat_ns_; }
  // How often the ring was read, to its end or to a bound.
  [[nodiscard]] std::uint64_t ring_reads() const { return ring_reads_; }

 private:
  std::optional<Reception> read(std::uint64_t now_ns);
  void look_ahead(std::uint64_t now_ns);
  std::optional<Error> discard_refused();
  bool spend_before_start();
  void go_on();
  [[nodiscard]] hb_place place() const;
  void note(const hb_place& place);

  kernel::StampProgram& program_;
  kernel::RingReader& ring_;
  Receiver& receiver_;
  TruncationNotices truncations_;
  const std::uint64_t drain_interval_ns_;

  // What was reserved before mark_ns_ is below mark_. Once it has been read, the horizon is
  // mark_ns_.
  std::uint64_t horizon_ns_;
  std::uint64_t mark_ns_;
  std::uint64_t mark_;

  std::uint64_t frames_ = 0;
  std::uint64_t malformed_ = 0;
  std::uint64_t self_beat_ns_ = 0;
  std::uint64_t ring_reads_ = 0;
  std::array<Datagram, 64> discarded_;
  bool discards_queue_ = false;
  std::uint64_t discarded_count_ = 0;
  std::uint64_t before_start_ = 0;  // of these, told

  // Behind each reception that was returned and has not been handled: a queue.
  hb_progress* const progress_;
  std::array<hb_place, Feeds::kAhead> unhandled_{};
  std::size_t oldest_ = 0;
  std::size_t unhandled_count_ = 0;
  bool is_at_end_ = false;  // the last read() found nothing
};

}  // namespace hb::intake
