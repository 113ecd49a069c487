#include "secure/sender_table.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

namespace hb::secure {
namespace {

unsigned bits_for(std::size_t count) {
  return static_cast<unsigned>(std::bit_width(std::bit_ceil(count)) - 1);
}

// Different for the two key kinds of one pid, so that they rarely share a bucket.
std::uint32_t number_of(const Sender& sender) {
  return sender.key == KeyKind::Master ? sender.pid : ~sender.pid;
}

bool is_later(const Place& place, const Place& than) {
  return std::tie(place.timestamp, place.nonce) > std::tie(than.timestamp, than.nonce);
}

// The lowest timestamp and nonce that are later.
Place next_after(Place place) {
  if (++place.nonce == 0) ++place.timestamp;
  return place;
}

}  // namespace

SenderTable::SenderTable(std::size_t capacity, std::uint64_t live_ns, std::uint64_t seed)
    : capacity_(capacity),
      live_ns_(live_ns),
      bucket_hash_(bits_for(capacity), seed),
      floor_hash_(bits_for(kFloors), ~seed),
      slots_(capacity + 1),
      buckets_(bucket_hash_.buckets()),
      floors_(kFloors) {}

bool SenderTable::is_fresh(const Place& place, const Slot& slot) {
  if (place.iv_random != slot.highest.iv_random) return is_later(place, slot.highest);
  return place.iv_counter > slot.highest.iv_counter && !is_later(slot.lowest, place);
}

SenderTable::Answer SenderTable::admit(const Sender& sender, const Place& place,
                                       std::uint64_t now_ns) {
  const Number number = find(sender);
  if (number == 0) return admit_new_sender(sender, place, now_ns);
  if (!is_fresh(place, slots_[number])) return Answer::Replayed;
  return hear(number, place, now_ns);
}

SenderTable::Answer SenderTable::admit_new_sender(const Sender& sender, const Place& place,
                                                  std::uint64_t now_ns) {
  if (place.timestamp < floor_of(sender)) return Answer::Replayed;
  const Number number = make_room(now_ns);
  if (number == 0) return Answer::Full;
  Number& first = bucket_of(sender);
  Slot& slot = slots_[number];
  slot.sender = sender;
  slot.highest = place;
  slot.lowest = {.iv_random = 0, .iv_counter = 0, .timestamp = floor_of(sender), .nonce = 0};
  slot.next_in_bucket = first;
  first = number;
  append(number, now_ns);
  return Answer::Fresh;
}

SenderTable::Answer SenderTable::hear(Number number, const Place& place, std::uint64_t now_ns) {
  Place& highest = slots_[number].highest;
  if (place.iv_random != highest.iv_random) slots_[number].lowest = next_after(highest);
  highest.iv_random = place.iv_random;
  highest.iv_counter = place.iv_counter;
  if (is_later(place, highest)) {
    highest.timestamp = place.timestamp;
    highest.nonce = place.nonce;
  }
  unlink(number);
  append(number, now_ns);
  return Answer::Fresh;
}

// A slot for a new sender, or 0.
SenderTable::Number SenderTable::make_room(std::uint64_t now_ns) {
  if (size_ < capacity_) return static_cast<Number>(++size_);
  const Number longest_silent = slots_[0].newer;
  if (now_ns - slots_[longest_silent].heard_ns < live_ns_) return 0;
  forget(longest_silent);
  return longest_silent;
}

void SenderTable::forget(Number number) {
  const Slot& slot = slots_[number];
  std::uint64_t& floor = floor_of(slot.sender);
  floor = std::max(floor, slot.highest.timestamp + 1);
  Number* link = &bucket_of(slot.sender);
  while (*link != number) link = &slots_[*link].next_in_bucket;
  *link = slot.next_in_bucket;
  unlink(number);
  ++forgotten_;
}

SenderTable::Number SenderTable::find(const Sender& sender) const {
  Number number = buckets_[bucket_hash_(number_of(sender))];
  while (number != 0 && slots_[number].sender != sender) number = slots_[number].next_in_bucket;
  return number;
}

SenderTable::Number& SenderTable::bucket_of(const Sender& sender) {
  return buckets_[bucket_hash_(number_of(sender))];
}

std::uint64_t& SenderTable::floor_of(const Sender& sender) {
  return floors_[floor_hash_(number_of(sender))];
}

void SenderTable::unlink(Number number) {
  const Slot& slot = slots_[number];
  slots_[slot.older].newer = slot.newer;
  slots_[slot.newer].older = slot.older;
}

void SenderTable::append(Number number, std::uint64_t now_ns) {
  Slot& slot = slots_[number];
  slot.heard_ns = now_ns;
  slot.older = slots_[0].older;
  slot.newer = 0;
  slots_[slot.older].newer = number;
  slots_[0].older = number;
}

}  // namespace hb::secure
