// Correlator: pairs frames with stamps.
//
// A frame is judged only when the stamp ring has been read past the position it had after the frame
// was received. Its own stamp was written before the frame was queued, so by then that stamp has
// been seen, and so has every stamp that could contradict it; until then the frame waits, however
// long a preempted writer keeps the ring's head busy.
//
// Pairing by content: the key is what both sides hold, the 32 bytes and the attached credentials,
// and the rule is unanimity. If all unexpired stamps of the key name one process, the frame is that
// process's; if they disagree, nobody is believed. Which of two equal stamps belongs to which of
// two equal frames therefore does not matter, nor does their order. What acceptance means is
// exactly: this process was inside sendmsg(2) with these bytes, and has not had more beats accepted
// than it sent.
//
// Pairing by socket buffer is exact where the kernel can be asked: an address names one datagram
// while that lives, so when its receipt comes out of the ring, the last stamp with that address and
// these bytes is the datagram's own, and earlier ones were orphans. (The bytes, since a datagram
// that was let through without a stamp may be at the address of an orphan.)
//
// A stamp says "tried to send": its datagram may have met a full queue. Such orphans expire, and a
// full table evicts (StampTable says whose). Every stamp ends in one counter, and
// stamps == matched + orphaned + waiting() after every call.
//
// A frame may have no stamp through no fault of its sender: the kernel program had no room for one
// and said so (kept_unstamped), or it was evicted here. As many frames as that are handed out at
// once with the reason, the others as NoStamp after stamp_wait_ns. Neither is ever accepted.
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
  // From reading a stamp to calling it an orphan.
  std::uint64_t stamp_lifetime_ns = 5 * kNsPerSecond;
  StampTable::Seed seed{};  // random, against chosen keys
};

// How many stamps must be able to wait where the ring has so many bytes and the kernel program so
// many slots: what the ring holds, twice; and so many that no sender with fewer than four waiting
// can be evicted.
[[nodiscard]] constexpr std::size_t stamps_for(std::size_t ring_bytes, std::size_t senders) {
  constexpr std::size_t kRecordBytes = sizeof(hb_stamp) + 8;  // with the ring's header
  return std::max({2 * ring_bytes / kRecordBytes, 4 * senders, std::size_t{65'536}});
}

struct CorrelatorCounters {
  std::uint64_t stamps = 0;  // read from the ring

  static constexpr Metric kMatched{"stamps_matched_total", "stamps",
                                   "stamps that were used up by a frame"};
  std::uint64_t matched = 0;

  static constexpr Metric kOrphaned{"stamps_orphaned_total", "stamps",
                                    "stamps for which no frame came"};
  std::uint64_t orphaned = 0;

  static constexpr Metric kEvicted{
      "stamps_evicted_total", "stamps",
      "orphaned stamps that made room for others before their time was over"};
  std::uint64_t evicted = 0;
};

class Correlator {
 public:
  // Why a frame has no stamp although its sender is not to blame.
  enum class MissingStamp : std::uint8_t {
    RingFull,  // the kernel program let it through without one
    Evicted,   // it made room in the table of waiting stamps
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

  // How many datagrams the kernel program has let through without a stamp; read after the frames
  // that are added next were received.
  void kept_unstamped(std::uint64_t total, std::uint64_t now_ns) { kept_.grant(total, now_ns); }

  // `serial`: the zero-based receive sequence number. `ring_position`: where the ring's producer
  // stood after it had been received; its receipt is not past that. Needs room().
  void add_frame(const Datagram& frame, std::uint64_t serial, std::uint64_t ring_position,
                 std::uint64_t now_ns);

  // The oldest frame, once it can be judged. `ring_read_to`: the consumer's position.
  std::optional<Paired> next(std::uint64_t ring_read_to, std::uint64_t now_ns);

  // Every datagram that was queued before `paired_to_ns` has been through next(): calls stamps
  // orphans that were read a lifetime before that. At most kExpiredPerCall keys; true: more are
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
    std::optional<Attestation> sender;  // what its receipt told
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
  std::size_t receipts_seen_ = 0;  // waiting frames, from the first on, that receipts went past
  LossCredit kept_;
  LossCredit evicted_;
  CorrelatorCounters counters_;
};

}  // namespace hb
