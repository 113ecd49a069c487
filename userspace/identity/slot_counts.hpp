// SlotCounts: how many stamp groups each sender's slot holds, and which slot holds the most.
//
// Slots of equal count are linked in one list, and the largest count is known. A count changes by
// one, so a slot moves to a neighbouring list and the largest count by at most one: every call is a
// fixed number of steps, whatever the counts are and however many slots there are.
//
// Memory is touched only for slots and counts that occur; no allocation after construction. Owned
// by one StampTable; one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/zeroed_pages.hpp"

namespace hb {

class SlotCounts {
 public:
  using Slot = std::uint32_t;

  // Slots are below `slots`; the counts of all of them together never exceed `total`.
  SlotCounts(std::size_t slots, std::size_t total)
      : entry_memory_(slots * sizeof(Entry)),
        first_memory_((total + 1) * sizeof(Link)),
        entries_(entry_memory_.as<Entry>()),
        first_(first_memory_.as<Link>()) {}

  void increment(Slot slot) {
    Entry& entry = entries_[slot];
    if (entry.count > 0) unlink(entry);
    link(slot, entry.count + 1);
    if (entry.count > largest_) largest_ = entry.count;
  }

  // Its count must not be 0.
  void decrement(Slot slot) {
    Entry& entry = entries_[slot];
    unlink(entry);
    link(slot, entry.count - 1);
    if (first_[largest_] == kNone) largest_--;  // it was the only slot with that count
  }

  [[nodiscard]] std::uint32_t count(Slot slot) const { return entries_[slot].count; }

  // The slot with the largest count; of several the one that reached it last. Some count must be
  // above 0.
  [[nodiscard]] Slot fullest() const { return first_[largest_] - 1; }

 private:
  using Link = std::uint32_t;  // slot + 1, since memory comes as zeros
  static constexpr Link kNone = 0;

  struct Entry {
    std::uint32_t count;
    Link previous, next;  // of the same count, if that is above 0
  };

  void link(Slot slot, std::uint32_t count) {
    Entry& entry = entries_[slot];
    entry.count = count;
    if (count == 0) return;
    entry.previous = kNone;
    entry.next = first_[count];
    if (entry.next != kNone) entries_[entry.next - 1].previous = slot + 1;
    first_[count] = slot + 1;
  }

  void unlink(const Entry& entry) {
    (entry.previous == kNone ? first_[entry.count] : entries_[entry.previous - 1].next) =
        entry.next;
    if (entry.next != kNone) entries_[entry.next - 1].previous = entry.previous;
  }

  const ZeroedPages entry_memory_;
  const ZeroedPages first_memory_;
  Entry* const entries_;  // by slot
  Link* const first_;     // by count: the first of its list
  std::uint32_t largest_ = 0;
};

}  // namespace hb
