// StampedSource: frames from the socket with the kernel program attached, each with the sender that
// its stamp names.
//
// Receives a batch, takes the ring's producer position, reads the ring, and lets the Correlator
// judge a frame once the ring has been read past the position taken for it. So its own stamp, and
// all stamps that could contradict it, have been read. The ring is also read now and then when
// nothing can be received, so that stamps without frames do not fill it.
//
// A call of next() receives at most kBatch datagrams and reads at most kRecordsPerCall records. If
// more remains, it may return nothing, and wake_ns() returns "now", so that the caller can handle
// signals in between.
//
// A frame without a stamp is dropped as RingFull or StampEvicted if that explains it; see
// Correlator.
//
// A wake-up costs more than a frame, so after a batch the socket is not polled for the drain
// interval. The kernel program wakes the observer through the ring when a quarter of the queue may
// be in use, and a stamp, other than /proc, does not become outdated.
//
// Does not own the program or the receiver; both must outlive it. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "identity/correlator.hpp"
#include "identity/datagram.hpp"
#include "intake/truncation_notices.hpp"
#include "kernel/stamp_counters.hpp"
#include "kernel/stamp_program.hpp"
#include "observer/horizon.hpp"
#include "observer/source.hpp"

namespace hb::intake {

class StampedSource final : public Source {
 public:
  // Throws std::bad_alloc only.
  StampedSource(kernel::StampProgram& program, Receiver& receiver, const kernel::Config& config,
                StampTable::Seed seed, std::uint64_t start_ns);

  std::optional<Reception> next(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t horizon_ns() const override { return horizon_ns_; }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t now_ns) const override;
  [[nodiscard]] std::uint64_t poll_after_ns() const override { return poll_after_ns_; }

  [[nodiscard]] kernel::StampCounters counters() const;

  // When the latest self-beat that was read had been sent; 0: none was read.
  [[nodiscard]] std::uint64_t self_beat_ns() const { return self_beat_ns_; }
  // How often the ring was read, to its end or to a bound.
  [[nodiscard]] std::uint64_t ring_reads() const { return ring_reads_; }

 private:
  static constexpr std::size_t kBatch = 64;  // datagrams per recvmmsg(2)
  static constexpr std::size_t kRecordsPerCall = 1'024;

  std::optional<Reception> next_ready(std::uint64_t now_ns);
  std::optional<Error> receive(std::uint64_t now_ns);
  void accept_batch(std::size_t count, std::uint64_t now_ns);
  void has_emptied(std::size_t count, std::uint64_t now_ns);
  void read_ring(std::uint64_t now_ns);
  void accept_record(kernel::RingReader::Bytes record, std::uint64_t now_ns);
  void advance_and_expire();
  void advance_horizon();

  kernel::StampProgram& program_;
  Receiver& receiver_;
  Correlator correlator_;
  std::array<Datagram, kBatch> batch_;
  std::uint64_t received_ = 0;  // datagrams, ever
  bool emptied_ = false;        // the last recvmmsg(2) emptied the queue
  std::uint64_t poll_after_ns_ = 0;

  // What was queued before mark_ns_ has been received as datagrams with serials below mark_serial_.
  // Once those have been returned by next(), the horizon is mark_ns_.
  Horizon received_horizon_;
  std::uint64_t horizon_ns_;
  std::uint64_t mark_ns_;
  std::uint64_t mark_serial_ = 0;

  bool is_behind_ = false;    // the last call stopped at kRecordsPerCall
  bool is_expiring_ = false;  // the last call stopped at Correlator::kExpiredPerCall
  TruncationNotices truncations_;
  const std::uint64_t drain_interval_ns_;
  std::uint64_t truncated_ = 0;
  std::uint64_t wrong_length_ = 0;
  std::uint64_t malformed_ = 0;
  std::uint64_t self_beat_ns_ = 0;
  std::uint64_t ring_reads_ = 0;
};

}  // namespace hb::intake
