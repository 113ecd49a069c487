// RingFeed: a source that reads a ring of the kernel program. What a record is, the class that is
// derived from it says.
//
// It is read whenever next() is called. Where a successor may go on, a record stays in the ring
// until it has been handled, and how far that has come is noted in the program's memory, so that a
// process that is killed at any instruction loses nothing. What was in hand then is read again.
//
// Borrows the ring. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernel/ring_reader.hpp"
#include "observer/feeds.hpp"
#include "observer/source.hpp"
#include "stamp.h"

namespace hb::intake {

class RingFeed : public Source {
 public:
  std::optional<Reception> next(std::uint64_t now_ns) final;
  void handled() final;
  [[nodiscard]] std::uint64_t horizon_ns() const final { return horizon_ns_; }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t now_ns) const final;

  // When the latest self-beat that was read had been sent; 0: none was read.
  [[nodiscard]] std::uint64_t self_beat_ns() const { return self_beat_ns_; }
  // How often the ring was read, to its end or to a bound.
  [[nodiscard]] std::uint64_t ring_reads() const { return ring_reads_; }

 protected:
  // `progress`: the program's, where a successor may go on. `reads_every_ns`: when next() wants to
  // be called even though nobody wakes the observer; kNever: the program does.
  RingFeed(kernel::RingReader& ring, hb_progress* progress, std::uint64_t start_ns,
           std::uint64_t reads_every_ns);

  // Goes on where a predecessor has come to. What waits was sent to that one, so nothing before the
  // start has been read yet.
  const hb_place& go_on();

  // The reception that a record is; empty for one that is none, which the callee counts.
  virtual std::optional<Reception> take(kernel::RingReader::Bytes record) = 0;
  // What there is at the end of the ring.
  virtual std::optional<Reception> take_at_end(std::uint64_t now_ns) = 0;
  // How far it has been read.
  [[nodiscard]] virtual hb_place place() const = 0;

  void note_self_beat(std::uint64_t sent_ns) { self_beat_ns_ = sent_ns; }

 private:
  std::optional<Reception> read(std::uint64_t now_ns);
  [[nodiscard]] bool has_more() const;
  void look_ahead(std::uint64_t now_ns);
  void note(const hb_place& place);

  kernel::RingReader& ring_;
  const std::uint64_t reads_every_ns_;

  // What was reserved before mark_ns_ is below mark_. Once it has been read, the horizon is
  // mark_ns_.
  std::uint64_t horizon_ns_;
  std::uint64_t mark_ns_;
  std::uint64_t mark_;

  std::uint64_t self_beat_ns_ = 0;
  std::uint64_t ring_reads_ = 0;

  // Behind each reception that was returned and has not been handled: a queue.
  hb_progress* const progress_;
  std::array<hb_place, Feeds::kAhead> unhandled_{};
  std::size_t oldest_ = 0;
  std::size_t unhandled_count_ = 0;
  bool is_at_end_ = false;  // the last read() found nothing
};

}  // namespace hb::intake
