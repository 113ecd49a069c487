#include "identity/stamp_table.hpp"

#include <bit>
#include <cstring>

namespace hb {
namespace {

__extension__ using Wide = unsigned __int128;

// Folds the 128-bit product: each bit of the result depends on all bits of both.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t hash(const StampKey& key, const StampTable::Seed& seed) {
  std::uint64_t state = seed[0];
  for (std::size_t i = 0; i < key.size(); i += 2) {
    state = mix(key[i] ^ seed[1], key[i + 1] ^ state);
  }
  return mix(state, seed[1]);
}

// Without branches, and without the call that memcmp() of 48 bytes would be.
bool same_key(const StampKey& a, const StampKey& b) {
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

bool same_sender(const Attestation& a, const Attestation& b) {
  const auto* first = std::get_if<Identity>(&a);
  const auto* second = std::get_if<Identity>(&b);
  if (first != nullptr && second != nullptr) return first->same_process(*second);
  return first == second && std::get<Unattested>(a) == std::get<Unattested>(b);
}

}  // namespace

StampKey content_key(const FrameBytes& bytes, const Credentials& credentials) {
  StampKey key{};
  static_assert(sizeof(FrameBytes) + sizeof(Credentials) <= sizeof(StampKey));
  std::memcpy(key.data(), bytes.data(), bytes.size());
  std::memcpy(&key[4], &credentials, sizeof(credentials));
  return key;
}

StampKey skb_key(std::uint64_t skb, const FrameBytes& bytes) {
  StampKey key{skb};
  static_assert(sizeof(skb) + sizeof(FrameBytes) <= sizeof(StampKey));
  std::memcpy(&key[1], bytes.data(), bytes.size());
  return key;
}

StampTable::StampTable(std::size_t capacity, std::size_t slots, Seed seed)
    : capacity_(capacity),
      ambiguous_slot_(static_cast<SlotCounts::Slot>(slots)),
      seed_(seed),
      bucket_mask_(std::bit_ceil(capacity) - 1),
      bucket_memory_((bucket_mask_ + 1) * sizeof(Index)),
      slot_memory_((slots + 1) * sizeof(Ends)),
      buckets_(bucket_memory_.as<Index>()),
      slots_(slot_memory_.as<Ends>()),
      counts_(slots + 1, capacity) {
  groups_.reserve(capacity + 1);
  groups_.emplace_back();  // kNone
}

std::uint32_t StampTable::add(const StampKey& key, const Attestation& sender,
                              std::uint64_t now_ns) {
  std::uint32_t evicted = 0;
  Index& bucket = bucket_of(key);
  Index index = find(bucket, key);
  if (index == kNone) {
    if (is_full()) evicted = evict();
    index = allocate();
    groups_[index] = Group{key, sender, 0, 0, bucket, {}, {}};
    bucket = index;
  } else {
    unlink(index);  // from the list of its slot, which may change below
    if (!same_sender(groups_[index].sender, sender)) {
      groups_[index].sender = Unattested::AmbiguousStamp;
    }
  }
  groups_[index].touched_ns = now_ns;
  groups_[index].stamps++;
  stamps_++;
  append_newest(index);
  return evicted;
}

std::uint32_t StampTable::remove(const StampKey& key) {
  Index& bucket = bucket_of(key);
  const Index index = find(bucket, key);
  return index == kNone ? 0 : release(bucket, index);
}

const Attestation* StampTable::take(const StampKey& key) {
  Index& bucket = bucket_of(key);
  const Index index = find(bucket, key);
  if (index == kNone) return nullptr;
  Group& group = groups_[index];
  group.stamps--;
  stamps_--;
  if (group.stamps == 0) release(bucket, index);
  return &group.sender;  // a released group keeps its contents until it is allocated again
}

std::uint32_t StampTable::expire_one(std::uint64_t until_ns) {
  if (all_.oldest == kNone || groups_[all_.oldest].touched_ns > until_ns) return 0;
  return release(all_.oldest);
}

StampTable::Index& StampTable::bucket_of(const StampKey& key) {
  return buckets_[hash(key, seed_) & bucket_mask_];
}

StampTable::Index StampTable::find(Index bucket, const StampKey& key) const {
  Index index = bucket;
  while (index != kNone && !same_key(groups_[index].key, key)) index = groups_[index].chain;
  return index;
}

StampTable::Index StampTable::allocate() {
  if (free_ != kNone) return std::exchange(free_, groups_[free_].chain);
  groups_.emplace_back();
  return static_cast<Index>(groups_.size() - 1);
}

SlotCounts::Slot StampTable::slot_of(const Group& group) const {
  const auto* process = std::get_if<Identity>(&group.sender);
  return process != nullptr && process->slot < ambiguous_slot_ ? process->slot : ambiguous_slot_;
}

std::uint32_t StampTable::evict() { return release(slots_[counts_.fullest()].oldest); }

std::uint32_t StampTable::release(Index index) {
  return release(bucket_of(groups_[index].key), index);
}

std::uint32_t StampTable::release(Index& bucket, Index index) {
  Group& group = groups_[index];
  Index* link = &bucket;
  while (*link != index) link = &groups_[*link].chain;
  *link = group.chain;
  unlink(index);
  group.chain = std::exchange(free_, index);
  stamps_ -= group.stamps;
  return group.stamps;
}

void StampTable::append_newest(Index index) {
  const SlotCounts::Slot slot = slot_of(groups_[index]);
  append<&Group::in_all>(all_, index);
  append<&Group::in_slot>(slots_[slot], index);
  counts_.increment(slot);
}

void StampTable::unlink(Index index) {
  const SlotCounts::Slot slot = slot_of(groups_[index]);
  remove<&Group::in_all>(all_, index);
  remove<&Group::in_slot>(slots_[slot], index);
  counts_.decrement(slot);
}

template <StampTable::Links StampTable::Group::*kLinks>
void StampTable::append(Ends& ends, Index index) {
  groups_[index].*kLinks = {ends.newest, kNone};
  (ends.newest == kNone ? ends.oldest : (groups_[ends.newest].*kLinks).newer) = index;
  ends.newest = index;
}

template <StampTable::Links StampTable::Group::*kLinks>
void StampTable::remove(Ends& ends, Index index) {
  const Links links = groups_[index].*kLinks;
  (links.older == kNone ? ends.oldest : (groups_[links.older].*kLinks).newer) = links.newer;
  (links.newer == kNone ? ends.newest : (groups_[links.newer].*kLinks).older) = links.older;
}

}  // namespace hb
