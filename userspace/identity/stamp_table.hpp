// StampTable: the stamps that still wait for their frames, grouped by the key that a frame will
// bring.
//
// A group is all unexpired stamps of one key. It remembers one attestation: while every stamp in it
// names the same process, that process; from the first disagreement on AmbiguousStamp, until the
// group is gone. Taking stamps out never makes a group less ambiguous.
//
// A full table makes room at the cost of whoever holds most of it: a group counts against the slot
// of its process, and the oldest group of the slot with the most is evicted. With `slots` slots and
// `capacity` groups, a sender with fewer than capacity / (slots + 1) groups is therefore never
// evicted, whatever all others send. Groups count and not stamps, since groups are what memory is
// spent on.
//
// A group that names no process, as an ambiguous one, counts against nobody's slot but a common one
// of its own. So forged bytes never weigh on the honest sender of the same bytes: if they counted
// against whoever came first, or last, a forger could leave stamps behind in groups that count
// against its victim until the victim is the largest. And what such a group says, that nobody is
// believed, is refused with or without it.
//
// A slot that passes from a process that ended to another one still counts what the first left
// behind; but that is older, and goes first.
//
// Fixed capacity, memory touched only as it is first used, no allocation after construction. Cost
// of every call is that of one hash bucket; the hash is seeded, since senders choose the keys.
// Owned by one Correlator; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/zeroed_pages.hpp"
#include "identity/datagram.hpp"
#include "identity/identity.hpp"
#include "identity/slot_counts.hpp"

namespace hb {

using StampKey = std::array<std::uint64_t, 6>;

[[nodiscard]] StampKey content_key(const FrameBytes& bytes, const Credentials& credentials);
[[nodiscard]] StampKey skb_key(std::uint64_t skb, const FrameBytes& bytes);

class StampTable {
 public:
  using Seed = std::array<std::uint64_t, 2>;

  // `capacity` groups, at most 2^31; senders' slots are below `slots`, or count as nobody's.
  StampTable(std::size_t capacity, std::size_t slots, Seed seed);

  // Adds one stamp. A new key in a full table evicts a group. Returns how many stamps that held.
  std::uint32_t add(const StampKey& key, const Attestation& sender, std::uint64_t now_ns);

  // Forgets a key. Returns how many stamps went with it.
  std::uint32_t remove(const StampKey& key);

  // What the stamps of this key say, using one of them up; nullptr when there are none. The answer
  // is valid until the next call.
  [[nodiscard]] const Attestation* take(const StampKey& key);

  // Removes one group whose newest stamp was added at `until_ns` or earlier. Returns how many
  // stamps went, 0 when no group is that old.
  std::uint32_t expire_one(std::uint64_t until_ns);

  [[nodiscard]] std::uint64_t stamps() const { return stamps_; }

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = 0;  // memory comes as zeros; the group of that index is not used

  // A list in the order in which groups were last added to, and a group's place in one.
  struct Ends {
    Index oldest, newest;
  };
  struct Links {
    Index older, newer;
  };

  struct Group {
    StampKey key;
    Attestation sender;
    std::uint64_t touched_ns;  // when it was last added to
    std::uint32_t stamps;
    Index chain;  // next in the bucket, or next free group
    Links in_all, in_slot;
  };

  [[nodiscard]] Index& bucket_of(const StampKey& key);
  // In the chain that begins with `bucket`.
  [[nodiscard]] Index find(Index bucket, const StampKey& key) const;
  [[nodiscard]] Index allocate();
  [[nodiscard]] bool is_full() const { return free_ == kNone && groups_.size() > capacity_; }
  [[nodiscard]] SlotCounts::Slot slot_of(const Group& group) const;
  std::uint32_t evict();
  std::uint32_t release(Index index);
  std::uint32_t release(Index& bucket, Index index);
  void append_newest(Index index);
  void unlink(Index index);
  template <Links Group::*kLinks>
  void append(Ends& ends, Index index);
  template <Links Group::*kLinks>
  void remove(Ends& ends, Index index);

  const std::size_t capacity_;
  const SlotCounts::Slot nobody_;  // past the last slot of a sender
  const Seed seed_;
  const std::size_t bucket_mask_;
  const ZeroedPages bucket_memory_;
  const ZeroedPages slot_memory_;
  Index* const buckets_;
  Ends* const slots_;          // each slot's groups
  std::vector<Group> groups_;  // grows into its reservation
  Index free_ = kNone;
  Ends all_{};
  SlotCounts counts_;  // groups of each slot
  std::uint64_t stamps_ = 0;
};

}  // namespace hb
