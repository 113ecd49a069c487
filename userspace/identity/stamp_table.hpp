// StampTable: the stamps that still wait for their frames, grouped by the key that a frame will
// bring.
//
// A group is all unexpired stamps of one key. It remembers one attestation: while every stamp in it
// names the same process, that process; from the first disagreement on AmbiguousStamp, until the
// group is gone. Taking stamps out never makes a group less ambiguous.
//
// Fixed capacity, memory touched only as it is first used, no allocation after construction. Cost
// of every call is that of one hash bucket; the hash is seeded, since senders choose the keys.
// Owned by one Correlator; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "identity/datagram.hpp"
#include "identity/identity.hpp"

namespace hb {

using StampKey = std::array<std::uint64_t, 6>;

[[nodiscard]] StampKey content_key(const FrameBytes& bytes, const Credentials& credentials);
[[nodiscard]] StampKey skb_key(std::uint64_t skb);

class StampTable {
 public:
  using Seed = std::array<std::uint64_t, 2>;

  // `capacity` groups, at most 2^31.
  StampTable(std::size_t capacity, Seed seed);

  // Adds one stamp. A new key in a full table pushes the oldest group out. Returns how many stamps
  // were pushed out.
  std::uint32_t add(const StampKey& key, const Attestation& sender, std::uint64_t now_ns);

  // Forgets a key. Returns how many stamps went with it.
  std::uint32_t remove(const StampKey& key);

  // What the stamps of this key say, using one of them up; nullptr when there are none. The answer
  // is valid until the next call.
  [[nodiscard]] const Attestation* take(const StampKey& key);

  // Removes one group whose newest stamp was added at `until_ns` or earlier. Returns how many
  // stamps went, 0 when no group is that old.
  std::uint32_t expire_one(std::uint64_t until_ns);

  // When the oldest group was last added to; the table must not be empty.
  [[nodiscard]] std::uint64_t oldest_ns() const { return groups_[oldest_].touched_ns; }

  [[nodiscard]] bool empty() const { return stamps_ == 0; }
  [[nodiscard]] std::uint64_t stamps() const { return stamps_; }

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};

  struct Group {
    StampKey key;
    Attestation sender;
    std::uint64_t touched_ns;
    std::uint32_t stamps;
    Index chain;  // next in the bucket, or next free group
    Index older, newer;
  };

  [[nodiscard]] Index& bucket_of(const StampKey& key);
  // In the chain that begins with `bucket`.
  [[nodiscard]] Index find(Index bucket, const StampKey& key) const;
  [[nodiscard]] Index allocate();
  std::uint32_t release(Index index);
  std::uint32_t release(Index& bucket, Index index);
  void append_newest(Index index);
  void unlink(Index index);

  const std::size_t capacity_;
  const Seed seed_;
  std::vector<Group> groups_;   // grows into its reservation
  std::vector<Index> buckets_;  // power of two
  Index free_ = kNone;
  Index oldest_ = kNone;
  Index newest_ = kNone;
  std::uint64_t stamps_ = 0;
};

}  // namespace hb
