#include "observer/agent_table.hpp"

#include <bit>

namespace hb {
namespace {

unsigned bits_for(std::size_t capacity) {
  return static_cast<unsigned>(std::bit_width(std::bit_ceil(capacity)) - 1);
}

}  // namespace

AgentTable::AgentTable(std::size_t capacity, std::uint64_t seed)
    : capacity_(capacity),
      hash_(bits_for(capacity), seed),
      host_hash_(~seed),
      bucket_memory_(hash_.buckets() * sizeof(Number)),
      slot_memory_((kLists + capacity) * sizeof(Slot)),
      rest_memory_((kLists + capacity) * sizeof(Rest)),
      buckets_(bucket_memory_.as<Number>()),
      slots_(slot_memory_.as<Slot>()),
      rests_(rest_memory_.as<Rest>()) {
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
  put_into_bucket(number, id);
  enter(slots_[number], List::Live, Thresholds::kDefault);
  append(number, head(List::Live, Thresholds::kDefault));
  return number;
}

void AgentTable::rename(Number number, const AgentId& id) {
  take_out_of_bucket(number);
  put_into_bucket(number, id);
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
