#include "observer/agent_table.hpp"

#include <bit>

namespace hb {
namespace {

unsigned bits_for(std::size_t capacity) {
  return static_cast<unsigned>(std::bit_width(std::bit_ceil(capacity)) - 1);
}

}  // namespace

AgentTable::AgentTable(std::size_t capacity, std::uint64_t seed, Memory memory)
    : capacity_(capacity),
      hash_(bits_for(capacity), seed),
      host_hash_(~seed),
      bucket_memory_(hash_.buckets() * sizeof(Number)),
      slot_memory_(memory.slots != nullptr ? 0 : (kLists + capacity) * sizeof(Slot)),
      rest_memory_(memory.rests != nullptr ? 0 : (kLists + capacity) * sizeof(Rest)),
      buckets_(bucket_memory_.as<Number>()),
      slots_(memory.slots != nullptr ? memory.slots : slot_memory_.as<Slot>()),
      rests_(memory.rests != nullptr ? memory.rests : rest_memory_.as<Rest>()) {
  for (Number head = 0; head < kLists; ++head) {
    slots_[head].newer = head;
    slots_[head].older = head & kNumberMask;
  }
}

AgentTable::Number AgentTable::find(const AgentId& id) const {
  Number number = buckets_[bucket(id.word, id.host)];
  for (; number != kNone; number = slots_[number].next_in_bucket) {
    if (slots_[number].id != id.word) continue;
    if ((id.word & AgentId::kByAddress) == 0 || rests_[number].host == id.host) break;
  }
  return number;
}

AgentTable::Number AgentTable::add(const AgentId& id) {
  if (used_ == capacity_) return kNone;
  const auto number = static_cast<Number>(kLists + used_++);
  begin_change(number);
  put_into_bucket(number, id);
  enter(slots_[number], List::Live, Thresholds::kDefault);
  append(number, head(List::Live, Thresholds::kDefault));
  return number;
}

void AgentTable::rename(Number number, const AgentId& id) {
  take_out_of_bucket(number);
  put_into_bucket(number, id);
}

// How many slots may have been in use. They are taken from the first on, so many empty ones in a
// row are the end. Not all are looked at, as that would make each page cost memory.
AgentTable::Number AgentTable::extent() const {
  constexpr Number kEmptyInARow = 64;
  Number extent = 0;
  for (Number n = 0; n < capacity_ && n < extent + kEmptyInARow; ++n) {
    const Slot& slot = slots_[kLists + n];
    if (slot.id != 0 || slot.changing != 0) extent = n + 1;
  }
  return extent;
}

// Moves the last slot into this one, which may be the last. Killed between the two steps, it leaves
// the slot twice, and a successor keeps one.
void AgentTable::fill_from(Number number, Number last) {
  if (number != last) {
    begin_change(number);
    Slot slot = slots_[last];
    const bool is_torn = slot.changing != 0;
    slot.changing = 1;
    slots_[number] = slot;
    rests_[number] = rests_[last];
    if (!is_torn) end_change(number);
  }
  begin_change(last);
  Slot empty{};
  empty.changing = 1;
  slots_[last] = empty;
  rests_[last] = Rest{};
  end_change(last);
}

void AgentTable::link(std::span<const Number> numbers) {
  for (const Number number : numbers) {
    const Number list = head_of(slots_[number]);
    ++lengths_[list];
    append(number, list);
  }
}

void AgentTable::put_into_bucket(Number number, const AgentId& id) {
  Number& first = buckets_[bucket(id.word, id.host)];
  slots_[number].id = id.word;
  if (slots_[number].is_remote()) rests_[number].host = id.host;
  slots_[number].next_in_bucket = first & kNumberMask;
  first = number;
}

void AgentTable::take_out_of_bucket(Number number) {
  const Number next = slots_[number].next_in_bucket;
  Number& first = buckets_[bucket(slots_[number].id, rests_[number].host)];
  if (first == number) {
    first = next;
    return;
  }
  Number before = first;
  while (slots_[before].next_in_bucket != number) before = slots_[before].next_in_bucket;
  slots_[before].next_in_bucket = next & kNumberMask;
}

}  // namespace hb
