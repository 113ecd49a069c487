// SenderTable: replay protection of authenticated frames.
//
// A sender is a pid under the master key, or a pid of some host under the shared key, which many
// hosts may have. For each, the table keeps its session (the iv_random),
// that session's highest counter, and the highest (timestamp, nonce) of its frames. A frame is
// fresh
//
//   in the sender's session    when its counter is above the highest one, and its (timestamp,
//                              nonce) above those of all earlier sessions (which matters when a
//                              sender has drawn one iv_random twice)
//   in any other session       when its (timestamp, nonce) is above the highest one; the sender
//                              is in that session from then on
//
// A session belongs to the host with whose address it began. Its frames count for that host and in
// that session wherever else they come from: the address is not authenticated, and a recorded frame
// must not be fresh once more for each address that it is sent from. Of a session that has ended,
// nothing is fresh from another host: the last kRetired or so are remembered.
//
// Everything else is replayed. A replayed frame changes nothing; in particular it does not count as
// a sign of life. So a frame is accepted at most once, and once an agent has begun a new session
// (after a restart, or when its counter was used up), frames of older sessions are refused, as
// their timestamps are older. There is no exception after a silence: a replay must not make a dead
// agent look alive.
//
// The table is bounded, and a live sender (heard within `live_ns`) is never evicted: when all are
// live, new senders are refused. When a sender is evicted, its timestamp is kept in one of kFloors
// floors, which new senders whose pid hashes to the same floor must exceed.
//
// What this does not protect from:
//   the observer's restart    the table starts empty: recorded frames are fresh again until the
//                             sender itself is heard
//   delayed frames            an intercepted frame is fresh whenever it arrives, unless a later one
//                             has arrived; frames carry no time that the observer could check
//   holders of the key        can be any sender (shared key) or that agent (its derived key), and
//                             can fill the table with the shared or the master key
//   sessions from before      sessions that this observer has not heard, or not remembered, can be
//                             replayed from an address that has no such sender: once, as a sender
//                             of that address
// and what it refuses although it is not a replay:
//   a clock that went back    an agent under the same pid whose monotonic timestamps are lower than
//                             before (its host was booted anew) is refused until they have caught
//                             up, or the observer is started again; two hosts whose agents have one
//                             pid under the master key have one key, so they are one sender, and
//                             the lower clock is refused; so are two behind one address (NAT)
//   a shared floor            a new sender whose floor was raised by a sender of another host
//   late frames               datagrams that were reordered on the network
//
// One thread. The instants given to admit() do not decrease. Allocates at construction only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/metric.hpp"
#include "observer/pid_hash.hpp"
#include "secure/wire.hpp"

namespace hb::secure {

struct Sender {
  KeyKind key;
  std::uint32_t pid;
  HostAddress host;  // with KeyKind::Shared

  friend bool operator==(const Sender&, const Sender&) = default;
};

// The position of an authenticated frame among its sender's frames.
struct Place {
  std::uint64_t iv_random;
  std::uint32_t iv_counter;
  std::uint64_t timestamp;  // never all ones: no legal frame has that
  std::uint64_t nonce;
};

class SenderTable {
 public:
  static constexpr std::size_t kFloors = std::size_t{1} << 14;
  static constexpr std::size_t kRetired = std::size_t{1} << 14;

  enum class Answer : std::uint8_t { Fresh, Replayed, Full };

  // `capacity` > 0. `seed` is PidHash's.
  SenderTable(std::size_t capacity, std::uint64_t live_ns, std::uint64_t seed);

  // Only frames that have been authenticated. If Fresh, `sender` is whose session it is.
  Answer admit(Sender& sender, const Place& place, std::uint64_t now_ns);

  static constexpr Metric kSenders{"secure_senders", "senders",
                                   "senders of sealed UDP frames that are remembered"};
  [[nodiscard]] std::size_t size() const { return size_; }

  static constexpr Metric kForgotten{
      "secure_senders_forgotten_total", "senders",
      "senders of sealed UDP frames that were forgotten to make room for others"};
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

 private:
  // A slot's number. Slot 0 holds no sender: it ends the hash chains, and is the head of the list
  // of senders in the order in which they were last heard.
  using Number = std::uint32_t;

  struct Slot {
    Sender sender;
    Place highest;  // the session, its highest counter; the highest timestamp and nonce
    Place lowest;   // the lowest timestamp and nonce that the session may have
    std::uint64_t heard_ns;
    Number next_in_bucket;
    Number next_in_session_bucket;
    Number older;
    Number newer;
  };

  // A session that has ended. All zero: none.
  struct Retired {
    std::uint64_t iv_random = 0;
    std::uint32_t number = 0;  // key and pid
    std::uint32_t hash = 0;    // of key, pid and host
  };

  static bool is_fresh(const Place& place, const Slot& slot);
  [[nodiscard]] Number find(const Sender& sender) const;
  [[nodiscard]] Number find_session(const Sender& sender, std::uint64_t iv_random) const;
  [[nodiscard]] bool was_anothers(const Sender& sender, std::uint64_t iv_random) const;
  void begin_session(Number number);
  void end_session(Number number);
  Answer admit_new_sender(const Sender& sender, const Place& place, std::uint64_t now_ns);
  Answer hear(Number number, const Place& place, std::uint64_t now_ns);
  Number make_room(std::uint64_t now_ns);
  void forget(Number number);

  void unlink(Number number);
  void append(Number number, std::uint64_t now_ns);
  [[nodiscard]] std::uint32_t hash_of(const Sender& sender) const;
  [[nodiscard]] std::uint32_t hash_of(const Sender& sender, std::uint64_t iv_random) const;
  Number& bucket_of(const Sender& sender);
  Number& session_bucket_of(const Sender& sender, std::uint64_t iv_random);
  std::uint64_t& floor_of(const Sender& sender);

  const std::size_t capacity_;
  const std::uint64_t live_ns_;
  const PidHash bucket_hash_;
  const PidHash floor_hash_;
  const HostHash host_hash_;
  std::vector<Slot> slots_;            // [0] and one for each sender
  std::vector<Number> buckets_;        // first slot of each chain
  std::vector<Number> sessions_;       // likewise, of the sessions
  std::vector<std::uint64_t> floors_;  // the lowest timestamp that a new sender may have
  std::vector<Retired> retired_;
  std::size_t size_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace hb::secure
