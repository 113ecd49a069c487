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
// while that lives, so when its receipt comes out of the ring, the last stamp with that address is
// the datagram's own, and earlier ones were orphans.
//
// A stamp says "tried to send": its datagram may have met a full queue. Such orphans expire.
// Every stamp ends in one counter, and stamps == matched + orphaned + waiting() after every call.
//
// Fixed memory, no allocation after construction. One thread. Order of calls, in a loop:
//   add_frame() for what was received, add_stamp() for what the ring held, next() until it is
//   empty, and expire() whenever the socket was seen empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "identity/datagram.hpp"
#include "identity/identity.hpp"
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
  std::size_t stamps = 65'536;               // that may wait; a newer one pushes the oldest out
  std::size_t frames = 1'024;                // that may wait; room() says if there is space
  std::uint64_t stamp_wait_ns = 50'000'000;  // for a frame whose stamp is not there at all
  std::uint64_t stamp_lifetime_ns = 5'000'000'000;  // from reading a stamp to calling it an orphan
  StampTable::Seed seed{};                          // random, against chosen keys
};

struct CorrelatorCounters {
  std::uint64_t stamps = 0;    // read from the ring
  std::uint64_t matched = 0;   // used up by a frame
  std::uint64_t orphaned = 0;  // no frame came
  std::uint64_t evicted = 0;   // those of the orphaned that made room before their time was over
};

class Correlator {
 public:
  struct Paired {
    FrameBytes bytes;
    Attestation sender;
  };

  explicit Correlator(const CorrelatorConfig& config);

  // Records of the ring, in its order.
  void add_stamp(const hb_stamp& stamp, std::uint64_t now_ns);
  void add_receipt(const hb_receipt& receipt);  // PairingKey::SocketBuffer

  [[nodiscard]] std::size_t room() const { return frames_.size() - waiting_frames_; }

  // `serial`: the how-manyth datagram it is, from 0. `ring_position`: where the ring's producer
  // stood after it had been received; its receipt is not past that. Needs room().
  void add_frame(const Datagram& frame, std::uint64_t serial, std::uint64_t ring_position,
                 std::uint64_t now_ns);

  // The oldest frame, once it can be judged. `ring_read_to`: the consumer's position.
  std::optional<Paired> next(std::uint64_t ring_read_to, std::uint64_t now_ns);

  // Calls stamps orphans that were read a lifetime ago. Only to be called after the socket was
  // found empty: a stamp must outlive its frame's stay in the queue.
  void expire(std::uint64_t now_ns);

  [[nodiscard]] std::size_t frames() const { return waiting_frames_; }
  [[nodiscard]] std::uint64_t waiting() const { return table_.stamps(); }
  [[nodiscard]] const CorrelatorCounters& counters() const { return counters_; }

  // When the oldest frame stops waiting, and when the oldest stamp becomes an orphan; UINT64_MAX
  // for never.
  [[nodiscard]] std::uint64_t frame_deadline_ns() const;
  [[nodiscard]] std::uint64_t orphan_deadline_ns() const;

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
  // Of the how-manyth waiting frame; no further than one round, so that it takes no division.
  [[nodiscard]] std::size_t place_of(std::size_t number) const {
    const std::size_t place = first_frame_ + number;
    return place < frames_.size() ? place : place - frames_.size();
  }
  void orphan(std::uint32_t stamps) { counters_.orphaned += stamps; }

  const CorrelatorConfig config_;
  StampTable table_;
  std::vector<WaitingFrame> frames_;  // a ring: waiting_frames_ of them from first_frame_ on
  std::size_t first_frame_ = 0;
  std::size_t waiting_frames_ = 0;
  std::size_t receipts_seen_ = 0;  // waiting frames, from the first on, that receipts went past
  CorrelatorCounters counters_;
};

}  // namespace hb
