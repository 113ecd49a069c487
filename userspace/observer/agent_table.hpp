// AgentTable: the tracker's memory. One slot for each agent, found by its pid, always in exactly
// one of the lists.
//
// A slot is one cache line with all that a beat needs; what only other events need is in the slot's
// Rest. Memory is reserved at construction and touched as agents come; nothing is allocated or
// freed later. Every call is O(1): a hash chain has one slot on average (PidHash), the lists are
// linked.
//
// One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/prefetch.hpp"
#include "base/zeroed_pages.hpp"
#include "observer/event.hpp"
#include "observer/pid_hash.hpp"
#include "vlp/frame.hpp"

namespace hb {

class AgentTable {
 public:
  using Number = std::uint32_t;       // a slot's
  static constexpr Number kNone = 0;  // no slot's
  static constexpr std::size_t kMaxCapacity = std::size_t{1} << 20;

  enum class List : std::uint8_t {
    Live,     // in the order of their last beat
    Unheard,  // they sent, but nothing was received; in the order in which that was checked
    Stalled,  // silent; in the order in which their stalls were reported
    Dead,     // in the order of their exits
  };
  static constexpr Number kLists = 4;

  enum class Heard : std::uint8_t { OnlyTerminal, Regular, TerminalAfterRegular };

  // All zero is a valid slot.
  struct alignas(64) Slot {
    std::uint64_t last_ns;
    std::uint64_t generation_ns;
    std::uint64_t high_nonce;   // the highest regular one; not set if `heard` is OnlyTerminal
    std::uint64_t sent_ns;      // the latest of the accepted beats
    std::uint32_t uid;          // of the last accepted beat's sender; known with generation_ns
    std::uint32_t kernel_slot;  // of the kernel's table of senders; known with generation_ns
    std::uint32_t pid;
    std::uint32_t own_pid;
    std::uint32_t ns_inode;
    Number older;  // neighbours in the list
    Number newer;
    Number next_in_bucket : 22;
    vlp::Status status : 2;
    BeatOrigin origin : 2;
    Heard heard : 2;
    List list : 2;
  };
  static_assert(sizeof(Slot) == 64);

  struct Rest {
    std::uint64_t cgroup_id;
    std::uint64_t refused_ns;  // when its latest refused frame was sent
    std::uint64_t checked_ns;  // in List::Unheard: when its last attempt was checked
    std::uint32_t owner;       // the owner whose share of the table it counts for
  };

  // `capacity` in 1..kMaxCapacity. `seed` is PidHash's. Throws std::bad_alloc.
  AgentTable(std::size_t capacity, std::uint64_t seed);

  Slot& operator[](Number number) { return slots_[number]; }
  const Slot& operator[](Number number) const { return slots_[number]; }
  Rest& rest(Number number) { return rests_[number]; }
  [[nodiscard]] const Rest& rest(Number number) const { return rests_[number]; }

  [[nodiscard]] Number find(std::uint32_t pid) const {
    Number number = buckets_[hash_(pid)];
    while (number != kNone && slots_[number].pid != pid) number = slots_[number].next_in_bucket;
    return number;
  }

  // Three steps that prefetch what find() and move() will touch. Each step needs the cache lines of
  // the one before, so do one step for all pids before the next.
  void fetch_bucket(std::uint32_t pid) const { prefetch(&buckets_[hash_(pid)]); }
  void fetch_slot(std::uint32_t pid) const { prefetch_for_writing(&slots_[buckets_[hash_(pid)]]); }
  void fetch_neighbours(std::uint32_t pid) const {
    const Slot& slot = slots_[buckets_[hash_(pid)]];
    prefetch_for_writing(&slots_[slot.older]);
    prefetch_for_writing(&slots_[slot.newer]);
  }

  // A slot for a pid that has none, the newest of the live ones; kNone when all are taken.
  Number add(std::uint32_t pid);

  // Gives the slot to another pid, which has none.
  void rename(Number number, std::uint32_t pid);

  // Moves the slot to the end of a list, which may be the one it is in.
  void move(Number number, List to) {
    Slot& slot = slots_[number];
    unlink(slot);
    --lengths_[index(slot.list)];
    append(number, to);
  }

  // The next older slot in List::Live; kNone: this is the oldest.
  [[nodiscard]] Number older(Number number) const { return slots_[number].older; }

  // Within List::Live: moves the slot behind `older`; kNone: before all others.
  void move_after(Number number, Number older) {
    Slot& slot = slots_[number];
    unlink(slot);
    slot.older = older;
    slot.newer = slots_[older].newer;
    slots_[slot.newer].older = number;
    slots_[older].newer = number;
  }

  [[nodiscard]] Number oldest(List list) const {
    const Number number = slots_[index(list)].newer;
    return number < kLists ? kNone : number;
  }

  [[nodiscard]] std::size_t length(List list) const { return lengths_[index(list)]; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t reserved_bytes() const {
    return bucket_memory_.bytes() + slot_memory_.bytes() + rest_memory_.bytes();
  }

 private:
  static constexpr Number index(List list) { return static_cast<Number>(list); }

  void put_into_bucket(Number number, std::uint32_t pid);
  void take_out_of_bucket(Number number);

  void unlink(const Slot& slot) {
    slots_[slot.older].newer = slot.newer;
    slots_[slot.newer].older = slot.older;
  }

  void append(Number number, List list) {
    Slot& slot = slots_[number];
    Slot& head = slots_[index(list)];
    slot.list = list;
    slot.older = head.older;
    slot.newer = index(list);
    slots_[slot.older].newer = number;
    head.older = number;
    ++lengths_[index(list)];
  }

  const std::size_t capacity_;
  const PidHash hash_;
  const ZeroedPages bucket_memory_;
  const ZeroedPages slot_memory_;
  const ZeroedPages rest_memory_;
  Number* const buckets_;  // first slot of each chain
  Slot* const slots_;      // the heads of the lists, then one for each agent
  Rest* const rests_;      // by the same numbers
  std::size_t used_ = 0;   // of the agents' slots, from the first on
  std::array<std::size_t, kLists> lengths_{};
};

}  // namespace hb
