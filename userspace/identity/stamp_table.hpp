// StampTable: the stamps that wait for their frames, grouped by the pairing key.
//
// A group is all unexpired stamps of one key, with one attestation: the process, if every stamp so
// far named the same one, else AmbiguousStamp. An ambiguous group stays so until it is removed.
//
// When the table is full, the oldest group of the slot with the most groups is evicted; a group
// counts for the slot of its process. So a sender with fewer than capacity / (slots + 1) groups
// never loses one, whatever all others send. Groups are counted and not stamps, since groups take
// memory.
//
// Ambiguous groups count for one extra slot. If they counted for the first or last sender of the
// bytes, a forger could make groups that count for its victim until the victim's are evicted.
// Evicting an ambiguous group changes nothing: its frames are rejected with or without it.
//
// A slot that is reused for another process still counts the groups of the first; these are older,
// and are evicted first.
//
// Fixed capacity, no allocation after construction. Every call costs one hash bucket; the hash is
// seeded, since senders choose the keys. Owned by one Correlator; one thread.
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

  // `capacity` groups, at most 2^31. Slots from `slots` on count as ambiguous groups do.
  StampTable(std::size_t capacity, std::size_t slots, Seed seed);

  // Adds one stamp. A new key in a full table evicts a group; returns how many stamps that held.
  std::uint32_t add(const StampKey& key, const Attestation& sender, std::uint64_t now_ns);

  // Removes a key. Returns how many stamps were removed.
  std::uint32_t remove(const StampKey& key);

  // Removes one stamp of this key and returns the group's attestation; nullptr when there is none.
  // Valid until the next call.
  [[nodiscard]] const Attestation* take(const StampKey& key);

  // Removes one group whose newest stamp was added at `until_ns` or earlier. Returns how many
  // stamps were removed, 0 when no group is that old.
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
  const SlotCounts::Slot ambiguous_slot_;  // the extra slot, after those of senders
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
