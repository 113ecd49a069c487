#include "observer/agent_table.hpp"

#include <bit>
#include <new>

namespace hb {
namespace {

constexpr AgentTable::Number kNumberMask = (AgentTable::Number{1} << 22) - 1;
static_assert(AgentTable::kLists + AgentTable::kMaxCapacity <= kNumberMask);

unsigned bits_for(std::size_t capacity) {
  return static_cast<unsigned>(std::bit_width(std::bit_ceil(capacity)) - 1);
}

}  // namespace

// Large pieces come from calloc() as untouched pages: what nobody uses costs no memory.
template <typename T>
AgentTable::Zeroed<T> AgentTable::zeroed(std::size_t count) {
  auto* memory = static_cast<T*>(std::calloc(count, sizeof(T)));
  if (memory == nullptr) throw std::bad_alloc();
  return Zeroed<T>(memory);
}

AgentTable::AgentTable(std::size_t capacity, std::uint64_t seed)
    : capacity_(capacity),
      hash_(bits_for(capacity), seed),
      buckets_(zeroed<Number>(hash_.buckets())),
      slot_memory_(zeroed<std::byte>(slots_bytes() + alignof(Slot))),
      slots_(aligned_slots()) {
  for (Number head = 0; head < kLists; ++head) slots_[head].older = slots_[head].newer = head;
}

AgentTable::Slot* AgentTable::aligned_slots() const {
  void* memory = slot_memory_.get();
  std::size_t bytes = slots_bytes() + alignof(Slot);
  return static_cast<Slot*>(std::align(alignof(Slot), slots_bytes(), memory, bytes));
}

std::size_t AgentTable::reserved_bytes() const {
  return slots_bytes() + alignof(Slot) + hash_.buckets() * sizeof(Number);
}

AgentTable::Number AgentTable::add(std::uint32_t pid) {
  if (used_ == capacity_) return kNone;
  const auto number = static_cast<Number>(kLists + used_++);
  put_into_bucket(number, pid);
  append(number, List::Live);
  return number;
}

void AgentTable::rename(Number number, std::uint32_t pid) {
  take_out_of_bucket(number);
  put_into_bucket(number, pid);
}

void AgentTable::put_into_bucket(Number number, std::uint32_t pid) {
  Number& first = buckets_[hash_(pid)];
  slots_[number].pid = pid;
  slots_[number].next_in_bucket = first & kNumberMask;
  first = number;
}

void AgentTable::take_out_of_bucket(Number number) {
  const Number next = slots_[number].next_in_bucket;
  Number& first = buckets_[hash_(slots_[number].pid)];
  if (first == number) {
    first = next;
    return;
  }
  Number before = first;
  while (slots_[before].next_in_bucket != number) before = slots_[before].next_in_bucket;
  slots_[before].next_in_bucket = next & kNumberMask;
}

}  // namespace hb
