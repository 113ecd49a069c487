#include "secure/sender_table.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

namespace hb::secure {
namespace {

unsigned bits_for(std::size_t count) {
  return static_cast<unsigned>(std::bit_width(std::bit_ceil(count)) - 1);
}

// Different for the two key kinds of one pid.
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
      host_hash_(seed),
      slots_(capacity + 1),
      buckets_(bucket_hash_.buckets()),
      sessions_(bucket_hash_.buckets()),
      floors_(kFloors),
      retired_(kRetired) {}

bool SenderTable::is_fresh(const Place& place, const Slot& slot) {
  if (place.iv_random != slot.highest.iv_random) return is_later(place, slot.highest);
  return place.iv_counter > slot.highest.iv_counter && !is_later(slot.lowest, place);
}

SenderTable::Answer SenderTable::admit(Sender& sender, const Place& place, std::uint64_t now_ns) {
  Number number = find_session(sender, place.iv_random);
  if (number != 0) {
    sender.host = slots_[number].sender.host;
  } else {
    if (was_anothers(sender, place.iv_random)) return Answer::Replayed;
    number = find(sender);
  }
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
  begin_session(number);
  append(number, now_ns);
  return Answer::Fresh;
}

SenderTable::Answer SenderTable::hear(Number number, const Place& place, std::uint64_t now_ns) {
  Place& highest = slots_[number].highest;
  if (place.iv_random != highest.iv_random) {
    slots_[number].lowest = next_after(highest);
    end_session(number);
    highest.iv_random = place.iv_random;
    begin_session(number);
  }
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
  end_session(number);
  std::uint64_t& floor = floor_of(slot.sender);
  floor = std::max(floor, slot.highest.timestamp + 1);
  Number* link = &bucket_of(slot.sender);
  while (*link != number) link = &slots_[*link].next_in_bucket;
  *link = slot.next_in_bucket;
  unlink(number);
  ++forgotten_;
}

void SenderTable::begin_session(Number number) {
  Slot& slot = slots_[number];
  Number& first = session_bucket_of(slot.sender, slot.highest.iv_random);
  slot.next_in_session_bucket = first;
  first = number;
}

void SenderTable::end_session(Number number) {
  const Slot& slot = slots_[number];
  const std::uint64_t iv_random = slot.highest.iv_random;
  Number* link = &session_bucket_of(slot.sender, iv_random);
  while (*link != number) link = &slots_[*link].next_in_session_bucket;
  *link = slot.next_in_session_bucket;
  retired_[hash_of(slot.sender, iv_random) % kRetired] = {iv_random, number_of(slot.sender),
                                                          hash_of(slot.sender)};
}

SenderTable::Number SenderTable::find(const Sender& sender) const {
  Number number = buckets_[bucket_hash_(hash_of(sender))];
  while (number != 0 && slots_[number].sender != sender) number = slots_[number].next_in_bucket;
  return number;
}

// The sender with that key and pid whose session this is, wherever it is; or 0.
SenderTable::Number SenderTable::find_session(const Sender& sender, std::uint64_t iv_random) const {
  const auto is_it = [&](const Slot& slot) {
    return slot.highest.iv_random == iv_random && number_of(slot.sender) == number_of(sender);
  };
  Number number = sessions_[bucket_hash_(hash_of(sender, iv_random))];
  while (number != 0 && !is_it(slots_[number])) number = slots_[number].next_in_session_bucket;
  return number;
}

// A session that has ended, of the same key and pid at another host.
bool SenderTable::was_anothers(const Sender& sender, std::uint64_t iv_random) const {
  const Retired& retired = retired_[hash_of(sender, iv_random) % kRetired];
  return retired.iv_random == iv_random && retired.number == number_of(sender) &&
         retired.hash != hash_of(sender);
}

std::uint32_t SenderTable::hash_of(const Sender& sender) const {
  return host_hash_(sender.host, number_of(sender));
}

// The same for all hosts.
std::uint32_t SenderTable::hash_of(const Sender& sender, std::uint64_t iv_random) const {
  HostAddress as_bytes;
  write_le<std::uint64_t>(std::span(as_bytes.bytes).first<kIvRandomBytes>(), iv_random);
  return host_hash_(as_bytes, number_of(sender));
}

SenderTable::Number& SenderTable::bucket_of(const Sender& sender) {
  return buckets_[bucket_hash_(hash_of(sender))];
}

SenderTable::Number& SenderTable::session_bucket_of(const Sender& sender, std::uint64_t iv_random) {
  return sessions_[bucket_hash_(hash_of(sender, iv_random))];
}

std::uint64_t& SenderTable::floor_of(const Sender& sender) {
  return floors_[floor_hash_(hash_of(sender))];
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
