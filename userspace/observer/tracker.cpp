#include "observer/tracker.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <random>

namespace hb {
namespace {

constexpr std::uint64_t kNonceTop = ~std::uint64_t{0};

bool is_terminal(const TrackedBeat& beat) { return beat.nonce == vlp::kTerminalNonce; }

bool wraps(std::uint64_t last, std::uint64_t next) {
  return last >= kNonceTop - Tracker::kWrapWindow && next <= Tracker::kWrapWindow;
}

bool both_known_and_different(std::uint64_t one, std::uint64_t other) {
  return one != 0 && other != 0 && one != other;
}

unsigned bits_for(std::size_t capacity) {
  return static_cast<unsigned>(std::bit_width(std::bit_ceil(capacity)) - 1);
}

}  // namespace

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// Large pieces come from calloc() as untouched pages: what nobody uses costs no memory.
template <typename T>
Tracker::Zeroed<T> Tracker::zeroed(std::size_t count) {
  auto* memory = static_cast<T*>(std::calloc(count, sizeof(T)));
  if (memory == nullptr) throw std::bad_alloc();
  return Zeroed<T>(memory);
}

Tracker::Tracker(std::size_t capacity, std::uint64_t threshold_ns, std::uint64_t seed)
    : capacity_(std::clamp<std::size_t>(capacity, 1, kMaxCapacity)),
      threshold_ns_(threshold_ns),
      hash_(bits_for(capacity_), seed),
      slots_(zeroed<Slot>(capacity_ + 1)),
      buckets_(zeroed<Number>(hash_.buckets())) {}

std::size_t Tracker::reserved_bytes() const {
  return (capacity_ + 1) * sizeof(Slot) + hash_.buckets() * sizeof(Number);
}

Tracker::Outcome Tracker::record(const TrackedBeat& beat, std::uint64_t now_ns) {
  const Number number = find(beat.pid);
  if (number == 0) return insert(beat, now_ns);

  const Slot& slot = slots_[number];
  if (beat.origin != slot.origin) return OriginConflict{slot.origin};
  if (both_known_and_different(beat.generation_ns, slot.generation_ns)) {
    if (beat.generation_ns < slot.generation_ns) return OutOfOrder{};
    return restart(number, beat, now_ns);
  }
  if (both_known_and_different(beat.ns_inode, slot.ns_inode)) {
    return NamespaceConflict{slot.ns_inode};
  }
  if (!in_order(slot, beat)) return OutOfOrder{};
  return refresh(number, beat, now_ns);
}

std::optional<Tracker::Stalled> Tracker::expire(std::uint64_t at_ns) {
  if (next_deadline_ns() > at_ns) return std::nullopt;
  const Number number = slots_[0].newer;
  if (number == 0) return std::nullopt;
  unlink(number);
  Slot& slot = slots_[number];
  slot.stalled = true;
  return Stalled{
      .pid = slot.pid,
      .ns_inode = slot.ns_inode,
      .last_nonce = slot.heard == Heard::Regular ? slot.high_nonce : vlp::kTerminalNonce,
      .last_ns = slot.last_ns,
      .origin = slot.origin,
  };
}

std::uint64_t Tracker::next_deadline_ns() const {
  const Number longest_silent = slots_[0].newer;
  return longest_silent == 0 ? kNever : deadline_ns(slots_[longest_silent]);
}

// Saturates: a threshold of forever is never reached.
std::uint64_t Tracker::deadline_ns(const Slot& slot) const {
  return slot.last_ns > kNever - threshold_ns_ ? kNever : slot.last_ns + threshold_ns_;
}

Tracker::Number Tracker::find(std::uint32_t pid) const {
  Number number = buckets_[hash_(pid)];
  while (number != 0 && slots_[number].pid != pid) number = slots_[number].next_in_bucket;
  return number;
}

// A slot for one more agent, or 0.
Tracker::Number Tracker::allocate() {
  if (size_ == capacity_) return 0;
  return static_cast<Number>(++size_);
}

Tracker::Outcome Tracker::insert(const TrackedBeat& beat, std::uint64_t now_ns) {
  const Number number = allocate();
  if (number == 0) return Full{};
  Number& first = buckets_[hash_(beat.pid)];
  slots_[number].pid = beat.pid;
  slots_[number].next_in_bucket = first;
  first = number;
  pin(slots_[number], beat);
  append(number, now_ns);
  return Inserted{};
}

Tracker::Outcome Tracker::restart(Number number, const TrackedBeat& beat, std::uint64_t now_ns) {
  pin(slots_[number], beat);
  unlink(number);
  append(number, now_ns);
  return Restarted{};
}

Tracker::Outcome Tracker::refresh(Number number, const TrackedBeat& beat, std::uint64_t now_ns) {
  Slot& slot = slots_[number];
  const bool changed = slot.stalled || slot.status != beat.status;
  learn(slot, beat);
  hear(slot, beat);
  unlink(number);
  append(number, now_ns);
  return Refreshed{changed};
}

// The slot is this beat's sender's from now on.
void Tracker::pin(Slot& slot, const TrackedBeat& beat) {
  slot.origin = beat.origin;
  slot.generation_ns = beat.generation_ns;
  slot.ns_inode = beat.ns_inode;
  slot.heard = Heard::OnlyTerminal;
  hear(slot, beat);
}

void Tracker::learn(Slot& slot, const TrackedBeat& beat) {
  if (slot.generation_ns == 0) slot.generation_ns = beat.generation_ns;
  if (slot.ns_inode == 0) slot.ns_inode = beat.ns_inode;
}

void Tracker::hear(Slot& slot, const TrackedBeat& beat) {
  slot.status = beat.status;
  if (is_terminal(beat)) {
    if (slot.heard == Heard::Regular) slot.heard = Heard::TerminalAfterRegular;
    return;
  }
  slot.heard = Heard::Regular;
  slot.high_nonce = beat.nonce;
}

bool Tracker::in_order(const Slot& slot, const TrackedBeat& beat) {
  if (is_terminal(beat) || slot.heard == Heard::OnlyTerminal) return true;
  return beat.nonce > slot.high_nonce || wraps(slot.high_nonce, beat.nonce);
}

void Tracker::unlink(Number number) {
  const Slot& slot = slots_[number];
  if (slot.stalled) return;  // is in no list
  slots_[slot.older].newer = slot.newer;
  slots_[slot.newer].older = slot.older;
}

void Tracker::append(Number number, std::uint64_t now_ns) {
  Slot& slot = slots_[number];
  slot.last_ns = now_ns;
  slot.stalled = false;
  slot.older = slots_[0].older;
  slot.newer = 0;
  slots_[slot.older].newer = number;
  slots_[0].older = number;
}

}  // namespace hb
