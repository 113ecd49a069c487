// StampedSource: frames from a socket that carries the kernel program, each with the sender that
// its stamp names.
//
// Receives a batch, notes where the ring's producer stands, reads the ring, and lets the Correlator
// judge a frame once the ring has been read past what was noted for it. So every frame is judged
// with its own stamp, and every stamp that could contradict it, in sight. The ring is
// also read from time to time when nothing can be received, lest stamps without frames fill it.
//
// A call of next() receives at most kBatch datagrams and reads at most kRecordsPerCall records. If
// more remains, it may say "nothing yet", and wake_ns() says "now": the caller gets to its signals
// between two of them, however large the ring and however fast others write.
//
// A frame without a stamp is discarded as RingFull or StampEvicted while that explains it; see
// Correlator.
//
// A wake-up costs more than a frame. So after it has brought something the socket may rest for the
// drain interval: the kernel program wakes the observer through the ring when a quarter of the
// queue may be in use, and unlike a look into /proc, a stamp says later what it says now.
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

 private:
  static constexpr std::size_t kBatch = 64;  // datagrams per recvmmsg(2)
  static constexpr std::size_t kRecordsPerCall = 1'024;

  std::optional<Reception> next_ready(std::uint64_t now_ns);
  std::optional<Error> receive(std::uint64_t now_ns);
  void accept_batch(std::size_t count, std::uint64_t now_ns);
  void has_emptied(std::size_t count, std::uint64_t now_ns);
  void read_ring(std::uint64_t now_ns);
  void accept_record(kernel::RingReader::Bytes record, std::uint64_t now_ns);
  void settle();
  void advance_horizon();

  kernel::StampProgram& program_;
  Receiver& receiver_;
  Correlator correlator_;
  std::array<Datagram, kBatch> batch_;
  std::uint64_t received_ = 0;  // datagrams, ever
  bool emptied_ = false;        // the last look took all there was
  std::uint64_t poll_after_ns_ = 0;

  // What was queued before mark_ns_ has been received as datagrams with serials below
  // mark_serial_. Once those have been returned by next(), the horizon is there.
  Horizon received_horizon_;
  std::uint64_t horizon_ns_;
  std::uint64_t mark_ns_;
  std::uint64_t mark_serial_ = 0;

  bool is_behind_ = false;    // the last call left records in the ring, for the sake of its bound
  bool is_expiring_ = false;  // and stamps that are to expire, likewise
  TruncationNotices truncations_;
  const std::uint64_t rest_ns_;
  std::uint64_t truncated_ = 0;
  std::uint64_t wrong_length_ = 0;
  std::uint64_t malformed_ = 0;
};

}  // namespace hb::intake
