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

// All of it at once: no branch for each word, and no call for 48 bytes.
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

StampKey skb_key(std::uint64_t skb) { return StampKey{skb}; }

StampTable::StampTable(std::size_t capacity, Seed seed)
    : capacity_(capacity), seed_(seed), buckets_(std::bit_ceil(capacity), kNone) {
  groups_.reserve(capacity);
}

std::uint32_t StampTable::add(const StampKey& key, const Attestation& sender,
                              std::uint64_t now_ns) {
  std::uint32_t pushed_out = 0;
  Index& bucket = bucket_of(key);
  Index index = find(bucket, key);
  if (index == kNone) {
    if (free_ == kNone && groups_.size() == capacity_) pushed_out = release(oldest_);
    index = allocate();
    groups_[index] = Group{key, sender, 0, 0, bucket, kNone, kNone};
    bucket = index;
  } else {
    if (!same_sender(groups_[index].sender, sender)) {
      groups_[index].sender = Unattested::AmbiguousStamp;
    }
    unlink(index);
  }
  groups_[index].touched_ns = now_ns;
  groups_[index].stamps++;
  stamps_++;
  append_newest(index);
  return pushed_out;
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
  if (oldest_ == kNone || groups_[oldest_].touched_ns > until_ns) return 0;
  return release(oldest_);
}

StampTable::Index& StampTable::bucket_of(const StampKey& key) {
  return buckets_[hash(key, seed_) & (buckets_.size() - 1)];
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
  groups_[index].older = newest_;
  groups_[index].newer = kNone;
  (newest_ == kNone ? oldest_ : groups_[newest_].newer) = index;
  newest_ = index;
}

void StampTable::unlink(Index index) {
  const Group& group = groups_[index];
  (group.older == kNone ? oldest_ : groups_[group.older].newer) = group.newer;
  (group.newer == kNone ? newest_ : groups_[group.newer].older) = group.older;
}

}  // namespace hb
