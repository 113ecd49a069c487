// Correlator: pairs frames with stamps.
//
// A frame is judged only when the stamp ring has been read past its producer position at the time
// the frame was received. Its stamp was written before the frame was queued, so by then that stamp
// has been read, and so has every stamp that could contradict it. Until then the frame waits, also
// while a preempted writer keeps the record at the ring's head busy.
//
// Pairing by content: the key is the 32 bytes and the attached credentials. If all unexpired stamps
// with that key name one process, that process sent the frame; if they disagree, the frame is
// rejected (AmbiguousStamp). So it does not matter which of two equal stamps belongs to which of
// two equal frames. An accepted frame proves that this process was inside sendmsg(2) with these
// bytes, at least as often as beats of it were accepted.
//
// Pairing by socket buffer (--correlate skb) is exact: the last stamp before the datagram's receipt
// that has the same sk_buff address and the same bytes is that of the datagram, and earlier ones
// are orphans. (The bytes are compared as a datagram that was queued without a stamp may be at the
// address of an orphan.)
//
// A stamp only proves an attempt: its datagram may have met a full queue. Such orphans expire, and
// a full table evicts stamps (see StampTable). Every stamp is counted once: stamps == matched +
// orphaned + waiting() after every call.
//
// The stamp of a frame may be missing because the ring was full, which the kernel program counts
// (kept_unstamped), or because it was evicted here. So many frames without a stamp are returned at
// once with that reason, all others as NoStamp after stamp_wait_ns. None of them is accepted.
//
// By content, a datagram that was queued without a stamp may take the stamp of another process that
// sent the same bytes with the same credentials; that process's own frame then finds none. It still
// was inside sendmsg(2) with these bytes as often as beats of it are accepted.
//
// Fixed memory, no allocation after construction. One thread. Order of calls, in a loop:
//   kept_unstamped() and add_frame() for what was received, add_stamp() for what the ring held,
//   next() until it is empty, expire().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/metric.hpp"
#include "base/units.hpp"
#include "identity/datagram.hpp"
#include "identity/identity.hpp"
#include "identity/loss_credit.hpp"
#include "identity/stamp_table.hpp"
#include "stamp.h"

namespace hb {

enum class PairingKey : std::uint8_t {
  ContentAndCredentials,
  Content,  // where the kernel program cannot read the credentials
  SocketBuffer,
};

struct CorrelatorConfig {
  PairingKey key = PairingKey::ContentAndCredentials;
  std::size_t stamps = 65'536;                  // of different keys that may wait, see stamps_for()
  std::size_t senders = 16'384;                 // above every slot in a stamp
  std::size_t frames = 1'024;                   // that may wait; room() says if there is space
  std::uint64_t stamp_wait_ns = 50 * kNsPerMs;  // for a frame whose stamp is not there at all
  // From reading a stamp, or from its own time if that is later, to calling it an orphan.
  std::uint64_t stamp_lifetime_ns = 5 * kNsPerSecond;
  StampTable::Seed seed{};  // random, against chosen keys
};

// The capacity for waiting stamps: twice what the ring holds, and at least so many that no sender
// with fewer than four of them can lose one to eviction.
[[nodiscard]] constexpr std::size_t stamps_for(std::size_t ring_bytes, std::size_t senders) {
  constexpr std::size_t kRecordBytes = sizeof(hb_stamp) + 8;  // with the ring's header
  return std::max({2 * ring_bytes / kRecordBytes, 4 * senders, std::size_t{65'536}});
}

struct CorrelatorCounters {
  std::uint64_t stamps = 0;  // read from the ring

  static constexpr Metric kMatched{"stamps_matched_total", "stamps",
                                   "stamps that were paired with a frame"};
  std::uint64_t matched = 0;

  static constexpr Metric kOrphaned{
      .name = "stamps_orphaned_total",
      .unit = "stamps",
      .help =
          "stamps for which no frame came, as the socket's queue had no room (--queue-length); the "
          "sender was told, or has ended",
      .loss = "queue_full"};
  std::uint64_t orphaned = 0;

  static constexpr Metric kEvicted{
      "stamps_evicted_total", "stamps",
      "orphaned stamps that were evicted from the full table before they expired"};
  std::uint64_t evicted = 0;
};

class Correlator {
 public:
  // Why the stamp of a frame is missing.
  enum class MissingStamp : std::uint8_t {
    RingFull,  // the kernel program queued the frame without one
    Evicted,   // the stamp was evicted from the full table
  };

  struct Paired {
    FrameBytes bytes;
    Attestation sender;
    std::optional<MissingStamp> missing;  // if so, the sender is NoStamp
  };

  explicit Correlator(const CorrelatorConfig& config);

  // Records of the ring, in its order.
  void add_stamp(const hb_stamp& stamp, std::uint64_t now_ns);
  void add_receipt(const hb_receipt& receipt);  // PairingKey::SocketBuffer

  [[nodiscard]] std::size_t room() const { return frames_.size() - waiting_frames_; }

  // How many datagrams the kernel program has queued without a stamp; read after the frames that
  // are added next were received.
  void kept_unstamped(std::uint64_t total, std::uint64_t now_ns) { kept_.grant(total, now_ns); }

  // `serial`: the zero-based receive sequence number. `ring_position`: where the ring's producer
  // stood after it had been received; its receipt is not past that. Needs room().
  void add_frame(const Datagram& frame, std::uint64_t serial, std::uint64_t ring_position,
                 std::uint64_t now_ns);

  // The oldest frame, once it can be judged. `ring_read_to`: the consumer's position.
  std::optional<Paired> next(std::uint64_t ring_read_to, std::uint64_t now_ns);

  // Every datagram that was queued before `paired_to_ns` has been returned by next(): drops stamps
  // that were read a lifetime before that as orphans. At most kExpiredPerCall keys; true: more are
  // due.
  static constexpr std::size_t kExpiredPerCall = 2'048;
  bool expire(std::uint64_t paired_to_ns);

  [[nodiscard]] std::size_t frames() const { return waiting_frames_; }
  // Of the oldest frame; there must be one.
  [[nodiscard]] std::uint64_t oldest_serial() const { return frames_[first_frame_].serial; }
  [[nodiscard]] std::uint64_t waiting() const { return table_.stamps(); }
  [[nodiscard]] const CorrelatorCounters& counters() const { return counters_; }

 private:
  struct WaitingFrame {
    FrameBytes bytes;
    Credentials credentials;
    std::uint64_t serial;
    std::uint64_t ring_position;
    std::uint64_t received_ns;
    std::optional<Attestation> sender;  // set when its receipt is read
  };

  [[nodiscard]] StampKey key_of(const hb_stamp& stamp) const;
  [[nodiscard]] std::optional<Attestation> sender_of(const WaitingFrame& frame);
  [[nodiscard]] WaitingFrame* waiting_frame(std::uint64_t serial);
  [[nodiscard]] std::optional<MissingStamp> explain_missing();
  // Where in frames_ the waiting frame `offset` after the first is.
  [[nodiscard]] std::size_t place_of(std::size_t offset) const {
    const std::size_t place = first_frame_ + offset;  // at most one wrap: no division
    return place < frames_.size() ? place : place - frames_.size();
  }
  void orphan(std::uint32_t stamps) { counters_.orphaned += stamps; }

  const CorrelatorConfig config_;
  StampTable table_;
  std::vector<WaitingFrame> frames_;  // a ring: waiting_frames_ of them from first_frame_ on
  std::size_t first_frame_ = 0;
  std::size_t waiting_frames_ = 0;
  std::size_t receipts_seen_ = 0;  // oldest waiting frames whose receipt came or was lost
  LossCredit kept_;
  LossCredit evicted_;
  CorrelatorCounters counters_;
};

}  // namespace hb
