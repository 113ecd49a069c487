// AgentTable: the tracker's memory. One slot for each agent, found by its id, always in exactly
// one of the lists. All agents in a list have the same threshold, but for the dead, which need
// none.
//
// A slot is one cache line with all that a beat needs; what only other events need is in the slot's
// Rest. Memory is reserved at construction and touched as agents come; nothing is allocated or
// freed later. Every call is O(1): a hash chain has one slot on average (PidHash), the lists are
// linked.
//
// Slots and Rests may lie in memory that outlives this process (Memory). A successor then takes
// them back, and builds the rest anew: neither links nor lengths are believed. For it, a slot that
// is between begin_change() and end_change() is torn. Outside of these, whoever changes a slot does
// so with one store, or such that a kill between two leaves a slot that is valid as it is.
//
// One thread.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/prefetch.hpp"
#include "base/zeroed_pages.hpp"
#include "identity/identity.hpp"
#include "observer/event.hpp"
#include "observer/pid_hash.hpp"
#include "observer/thresholds.hpp"
#include "vlp/frame.hpp"

namespace hb {

// Which agent: a pid of the observer's host, or a pid of another host together with that host's
// address, or with the key that only this agent has. These never mean the same agent.
struct AgentId {
  static constexpr std::uint32_t kByAddress = std::uint32_t{1} << 31;
  static constexpr std::uint32_t kByKey = std::uint32_t{1} << 30;
  static constexpr std::uint32_t kPid = kByKey - 1;  // pids are below kPidLimit

  std::uint32_t word = 0;  // pid and kind; for a pid of the observer's host, the pid itself
  HostAddress host;        // with kByAddress a part of the id; with kByKey where the agent was last

  static AgentId of(std::uint32_t pid) { return {pid, kThisHost}; }
  static AgentId of(std::uint32_t pid, const ClaimOnly& claim) {
    if (!claim.is_remote()) return of(pid);
    return {pid | (claim.has_own_key ? kByKey : kByAddress), claim.host};
  }
};

class AgentTable {
 public:
  using Number = std::uint32_t;       // a slot's
  static constexpr Number kNone = 0;  // no slot's
  using Threshold = Thresholds::Index;
  static constexpr std::size_t kMaxCapacity = std::size_t{1} << 20;

  // One of each for each threshold, but only one of the last two.
  enum class List : std::uint8_t {
    Live,     // in the order of their last beat
    Recheck,  // to be checked again: unheard, or of unknown order; in the order of the last check
    Stalled,  // silent; in the order in which their stalls were reported
    Dead,     // in the order of their exits; with Thresholds::kDefault
    StalledNetwork,  // as Stalled, of agents on the network; with Thresholds::kDefault
  };
  static constexpr Number kLists = 4 * Thresholds::kMost + 1;

  enum class Heard : std::uint8_t { OnlyTerminal, Regular, TerminalAfterRegular };

  // How its silence is judged. Only an agent of the notify protocol is not always Watched.
  enum class Watch : std::uint8_t {
    Watched,    // by its threshold
    Unwatched,  // not at all, as it has not said yet that it will beat; only that it is there
    Extended,   // until its next beat by a longer threshold: it has asked for time
    Learning,   // likewise: its beats show how often it beats
  };

  // All zero is a valid slot.
  struct alignas(64) Slot {
    std::uint64_t last_ns;
    std::uint64_t generation_ns;
    std::uint64_t high_nonce;   // the highest regular one; not set if `heard` is OnlyTerminal
    std::uint64_t sent_ns;      // the latest of the accepted beats
    std::uint32_t uid;          // of the last accepted beat's sender; known with generation_ns
    std::uint32_t kernel_slot;  // of the kernel's table of senders; known with generation_ns
    std::uint32_t id;           // AgentId::word
    std::uint32_t payload;      // of the last accepted beat, as `status`
    std::uint32_t ns_inode;
    Number newer;  // neighbours in the list
    Number older : 22;
    Threshold threshold : 6;
    Number untold : 1;  // a stall of which a successor must not believe that it was told
    Watch watch : 2;
    Number is_notify : 1;  // it has sent beats by the notify protocol, and no frame
    Number next_in_bucket : 22;
    vlp::Status status : 2;
    BeatOrigin origin : 2;
    Heard heard : 2;
    List list : 3;
    Number changing : 1;  // a successor that finds it so must not believe the slot

    [[nodiscard]] std::uint32_t pid() const { return id & AgentId::kPid; }
    [[nodiscard]] bool is_remote() const { return id > AgentId::kPid; }
    [[nodiscard]] bool is_stalled() const {
      return list != List::Live && (list == List::Stalled || list == List::StalledNetwork);
    }
  };
  static_assert(sizeof(Slot) == 64);
  static constexpr Number kNumberMask = (Number{1} << 22) - 1;
  static constexpr Threshold kThresholdMask = (Threshold{1} << 6) - 1;
  static_assert(kLists + kMaxCapacity <= kNumberMask);
  static_assert(Thresholds::kMost - 1 <= kThresholdMask);

  // What only an attested agent has.
  struct Attested {
    std::uint64_t cgroup_id;
    std::uint64_t refused_ns;  // when its latest refused frame was sent
  };
  static constexpr std::uint32_t kOwnPidMask = (1U << 22) - 1;
  static constexpr std::uint32_t kMostStalls = (1U << 10) - 1;
  struct Rest {
    union {
      Attested attested;  // of an agent of the observer's host
      HostAddress host;   // if Slot::is_remote(): AgentId::host
    };
    // In List::Recheck: when it was checked last. In List::Dead: its place in the order of exits.
    std::uint64_t checked_ns;
    // Of the process that sent the first beat, as it sees itself; below kPidLimit.
    std::uint32_t own_pid : 22;
    std::uint32_t stalls : 10;  // how often it was silent; kMostStalls: or more often
    std::uint32_t owner;        // the owner whose share of the table it counts for
    // The threshold that the observer's configuration has for it, and the one that it has asked for
    // itself. 0: there is none.
    std::uint64_t configured_ns;
    std::uint64_t own_ns;
  };
  static_assert(sizeof(Rest) == 48);

  // Of kLists + capacity each. Borrowed; null: the table has memory of its own.
  struct Memory {
    Slot* slots = nullptr;
    Rest* rests = nullptr;
  };

  // `capacity` in 1..kMaxCapacity. `seed` is PidHash's. Throws std::bad_alloc.
  AgentTable(std::size_t capacity, std::uint64_t seed, Memory memory);
  AgentTable(std::size_t capacity, std::uint64_t seed) : AgentTable(capacity, seed, Memory{}) {}

  // What a predecessor has left in the Memory, before anything else is called: keeps the slots for
  // which is_kept(Number) is true and clears the others. It is called once for each slot that has
  // an id, and find() knows those that have been kept already. Then call link() once.
  template <typename IsKept>
  void take_back(IsKept&& is_kept) {
    Number end = kLists + extent();
    for (Number number = kLists; number < end;) {
      if (slots_[number].id != 0 && is_kept(number)) {
        put_into_bucket(number, {slots_[number].id, rests_[number].host});
        ++number;
      } else {
        fill_from(number, --end);
      }
    }
    used_ = end - kLists;
  }

  // Appends the slots to their lists in this order, of which each must be named once.
  void link(std::span<const Number> numbers);

  // Around a change of several fields. Costs nothing: the slot's cache line is written anyway.
  void begin_change(Number number) {
    slots_[number].changing = 1;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  void end_change(Number number) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    slots_[number].changing = 0;
  }

  Slot& operator[](Number number) { return slots_[number]; }
  const Slot& operator[](Number number) const { return slots_[number]; }
  Rest& rest(Number number) { return rests_[number]; }
  [[nodiscard]] const Rest& rest(Number number) const { return rests_[number]; }

  // Of the observer's host.
  [[nodiscard]] Number find(std::uint32_t pid) const {
    Number number = buckets_[hash_(pid)];
    while (number != kNone && slots_[number].id != pid) number = slots_[number].next_in_bucket;
    return number;
  }
  [[nodiscard]] Number find(const AgentId& id) const;

  // Three steps that prefetch what find() and move() will touch. Each step needs the cache lines of
  // the one before, so do one step for all pids before the next.
  void fetch_bucket(std::uint32_t pid) const { prefetch(&buckets_[hash_(pid)]); }
  void fetch_slot(std::uint32_t pid) const { prefetch_for_writing(&slots_[buckets_[hash_(pid)]]); }
  void fetch_neighbours(std::uint32_t pid) const {
    const Slot& slot = slots_[buckets_[hash_(pid)]];
    prefetch_for_writing(&slots_[slot.older]);
    prefetch_for_writing(&slots_[slot.newer]);
  }

  // A slot for an agent that has none, the newest of the live ones with the default threshold;
  // kNone when all are taken. The rest of it is the caller's to set, but for Rest::host, and so is
  // end_change().
  Number add(const AgentId& id);

  // Gives the slot to another agent, which has none.
  void rename(Number number, const AgentId& id);

  // Moves the slot to the end of a list, which may be the one it is in.
  void move(Number number, List to, Threshold threshold) {
    Slot& slot = slots_[number];
    const Number from = head_of(slot);
    unlink(slot);
    if (from != head(to, threshold)) {
      --lengths_[from];
      enter(slot, to, threshold);
    }
    append(number, head(to, threshold));
  }

  // The next older slot in its list; kNone: this is the oldest.
  [[nodiscard]] Number older(Number number) const { return or_none(slots_[number].older); }

  // Within its list: moves the slot behind `older`; kNone: before all others.
  void move_after(Number number, Number older) {
    const Slot& slot = slots_[number];
    unlink(slot);
    const Number before = older == kNone ? head_of(slot) : older;
    link(number, before, slots_[before].newer);
  }

  [[nodiscard]] Number oldest(List list, Threshold threshold = Thresholds::kDefault) const {
    return or_none(slots_[head(list, threshold)].newer);
  }

  // Calls f(Number) for each slot that was ever taken.
  template <typename F>
  void for_each(F&& f) const {
    for (Number number = kLists; number < kLists + used_; ++number) f(number);
  }

  // The same for at most `most` of them, from `first` on, which is kNone at the beginning. Returns
  // where to go on; kNone: that was the last.
  template <typename F>
  Number for_some(Number first, std::size_t most, F&& f) const {
    Number number = first == kNone ? kLists : first;
    const std::size_t end = std::min<std::size_t>(kLists + used_, number + most);
    for (; number < end; ++number) f(number);
    return number < kLists + used_ ? number : kNone;
  }

  // Agents that are not dead: all of them, and those with that threshold.
  [[nodiscard]] std::size_t living() const { return used_ - lengths_[head(List::Dead, 0)]; }
  [[nodiscard]] std::size_t living(Threshold threshold) const {
    return std::size_t{0} + lengths_[head(List::Live, threshold)] +
           lengths_[head(List::Recheck, threshold)] + lengths_[head(List::Stalled, threshold)] +
           (threshold == Thresholds::kDefault ? lengths_[head(List::StalledNetwork, threshold)]
                                              : 0);
  }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t reserved_bytes() const {
    return bucket_memory_.bytes() + (kLists + capacity_) * (sizeof(Slot) + sizeof(Rest));
  }

 private:
  // The head of a list is a slot too: the lists are rings.
  static constexpr Number head(List list, Threshold threshold) {
    return static_cast<Number>(list) * Thresholds::kMost + threshold;
  }
  static constexpr Number head_of(const Slot& slot) { return head(slot.list, slot.threshold); }
  static constexpr Number or_none(Number number) { return number < kLists ? kNone : number; }

  [[nodiscard]] std::size_t bucket(std::uint32_t word, const HostAddress& host) const {
    return (word & AgentId::kByAddress) == 0 ? hash_(word) : hash_(host_hash_(host, word));
  }
  void put_into_bucket(Number number, const AgentId& id);
  void take_out_of_bucket(Number number);
  [[nodiscard]] Number extent() const;
  void fill_from(Number number, Number last);

  void unlink(const Slot& slot) {
    slots_[slot.older].newer = slot.newer;
    slots_[slot.newer].older = slot.older;
  }

  void link(Number number, Number older, Number newer) {
    Slot& slot = slots_[number];
    slot.older = older & kNumberMask;
    slot.newer = newer;
    slots_[newer].older = number & kNumberMask;
    slots_[older].newer = number;
  }

  void append(Number number, Number head) { link(number, slots_[head].older, head); }

  void enter(Slot& slot, List list, Threshold threshold) {
    slot.list = list;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // the dead have no threshold
    slot.threshold = threshold & kThresholdMask;
    ++lengths_[head(list, threshold)];
  }

  const std::size_t capacity_;
  const PidHash hash_;
  const HostHash host_hash_;
  const ZeroedPages bucket_memory_;
  const ZeroedPages slot_memory_;
  const ZeroedPages rest_memory_;
  Number* const buckets_;  // first slot of each chain
  Slot* const slots_;      // the heads of the lists, then one for each agent
  Rest* const rests_;      // by the same numbers
  std::size_t used_ = 0;   // of the agents' slots, from the first on
  std::array<Number, kLists> lengths_{};
};

}  // namespace hb
