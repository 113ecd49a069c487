#include "observer/tracker.hpp"

#include <algorithm>
#include <random>
#include <utility>

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

// Saturates at kNever.
std::uint64_t plus(std::uint64_t ns, std::uint64_t more_ns) {
  return ns > Tracker::kNever - more_ns ? Tracker::kNever : ns + more_ns;
}

std::uint64_t times(std::uint64_t ns, std::uint64_t factor) {
  return ns > Tracker::kNever / factor ? Tracker::kNever : ns * factor;
}

}  // namespace

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

Tracker::Tracker(std::size_t capacity, std::uint64_t threshold_ns, std::uint64_t seed,
                 Eviction eviction, std::size_t agents_per_owner, std::uint64_t read_delay_ns)
    : threshold_ns_(threshold_ns),
      recheck_ns_(std::max<std::uint64_t>(threshold_ns / 4, 1)),
      long_silence_ns_(times(threshold_ns, kLongSilence)),
      read_delay_ns_(std::min(read_delay_ns, threshold_ns / 3)),
      eviction_(eviction),
      agents_per_owner_(agents_per_owner),
      table_(std::clamp<std::size_t>(capacity, 1, kMaxCapacity), seed),
      owner_memory_(kOwners * sizeof(std::uint32_t)),
      agents_of_owner_(owner_memory_.as<std::uint32_t>()) {}

void Tracker::fetch(std::span<const std::uint32_t> pids) const {
  for (const std::uint32_t pid : pids) table_.fetch_bucket(pid);
  for (const std::uint32_t pid : pids) table_.fetch_slot(pid);
  for (const std::uint32_t pid : pids) table_.fetch_neighbours(pid);
}

Tracker::Outcome Tracker::record(const TrackedBeat& beat, std::uint64_t now_ns) {
  const Number number = table_.find(beat.pid);
  if (number == AgentTable::kNone) return insert(beat, now_ns);

  const Slot& slot = table_[number];
  if (beat.origin != slot.origin) return OriginConflict{slot.origin};
  if (both_known_and_different(beat.generation_ns, slot.generation_ns)) {
    if (beat.generation_ns < slot.generation_ns) return OutOfOrder{};
    return restart(number, beat, now_ns);
  }
  if (slot.list == List::Dead) return OutOfOrder{};
  if (both_known_and_different(beat.ns_inode, slot.ns_inode)) {
    return NamespaceConflict{slot.ns_inode};
  }
  if (in_order(slot, beat)) return refresh(number, beat, now_ns, false);
  if (begins_session(slot, beat)) return refresh(number, beat, now_ns, true);
  note_refused(beat.pid, beat.generation_ns, beat.sent_ns);
  return OutOfOrder{};
}

void Tracker::note_refused(std::uint32_t pid, std::uint64_t generation_ns, std::uint64_t sent_ns) {
  const Number number = table_.find(pid);
  if (number == AgentTable::kNone || table_[number].generation_ns != generation_ns) return;
  AgentTable::Rest& rest = table_.rest(number);
  rest.refused_ns = std::max(rest.refused_ns, sent_ns);
}

Tracker::Number Tracker::first_due(std::uint64_t at_ns) const {
  for (const List list : {List::Live, List::Unheard}) {
    if (first_deadline_ns(list) <= at_ns) return table_.oldest(list);
  }
  return AgentTable::kNone;
}

Tracker::Due Tracker::due(Number number) const {
  const Slot& slot = table_[number];
  return {.kernel_slot = slot.kernel_slot,
          .generation_ns = slot.generation_ns,
          .heard_ns = std::max(slot.sent_ns, table_.rest(number).refused_ns)};
}

Tracker::Stalled Tracker::silence(Number number) {
  table_.move(number, List::Stalled);
  return describe(number);
}

void Tracker::defer(Number number, std::uint64_t at_ns) {
  table_.rest(number).checked_ns = at_ns;
  table_.move(number, List::Unheard);
}

std::optional<Tracker::Stalled> Tracker::record_exit(std::uint32_t pid,
                                                     std::uint64_t generation_ns) {
  const Number number = table_.find(pid);
  if (number == AgentTable::kNone || generation_ns == 0) return std::nullopt;
  const Slot& slot = table_[number];
  if (slot.generation_ns != generation_ns || slot.list == List::Dead) return std::nullopt;
  discharge(number);
  table_.move(number, List::Dead);
  return describe(number);
}

std::uint64_t Tracker::next_deadline_ns() const {
  return std::min(first_deadline_ns(List::Live), first_deadline_ns(List::Unheard));
}

std::uint64_t Tracker::first_deadline_ns(List list) const {
  const Number first = table_.oldest(list);
  return first == AgentTable::kNone ? kNever : deadline_ns(first);
}

std::uint64_t Tracker::deadline_ns(Number number) const {
  const Slot& slot = table_[number];
  if (slot.list == List::Unheard) return plus(table_.rest(number).checked_ns, recheck_ns_);
  return plus(heard_ns(slot), threshold_ns_);
}

std::uint64_t Tracker::heard_ns(const Slot& slot) const {
  if (slot.sent_ns == 0 || slot.sent_ns >= slot.last_ns) return slot.last_ns;
  return slot.last_ns - std::min(slot.last_ns - slot.sent_ns, read_delay_ns_);
}

// Beats come nearly in the order of their sending, so this takes a step or two.
void Tracker::put_in_order(Number number) {
  table_.move(number, List::Live);
  const std::uint64_t heard = heard_ns(table_[number]);
  const Number newest = table_.older(number);
  Number older = newest;
  for (std::size_t n = 0; n < kOutOfOrder && older != AgentTable::kNone; ++n) {
    if (heard_ns(table_[older]) <= heard) break;
    older = table_.older(older);
  }
  if (older != newest) table_.move_after(number, older);
}

bool Tracker::owner_has_room(std::uint32_t owner) const {
  if (agents_per_owner_ == 0 || owner >= kOwners) return true;
  return agents_of_owner_[owner] < agents_per_owner_;
}

// Slots in List::Dead have been discharged.
void Tracker::charge(Number number, std::uint32_t owner) {
  table_.rest(number).owner = owner;
  if (owner < kOwners) ++agents_of_owner_[owner];
}

void Tracker::discharge(Number number) {
  const std::uint32_t owner = std::exchange(table_.rest(number).owner, kNoOwner);
  if (owner < kOwners) --agents_of_owner_[owner];
}

Tracker::Outcome Tracker::insert(const TrackedBeat& beat, std::uint64_t now_ns) {
  if (!owner_has_room(beat.owner)) return Full{.owner = true};
  if (const Number free = table_.add(beat.pid); free != AgentTable::kNone) {
    take_over(free, beat, now_ns);
    return Inserted{.evicted = false};
  }
  if (const Number dead = table_.oldest(List::Dead); dead != AgentTable::kNone) {
    return reuse(dead, beat, now_ns);
  }
  const Number silent = table_.oldest(List::Stalled);
  if (silent == AgentTable::kNone || !is_evictable(silent, beat, now_ns)) {
    return Full{.owner = false};
  }
  return reuse(silent, beat, now_ns);
}

bool Tracker::is_evictable(Number number, const TrackedBeat& beat, std::uint64_t now_ns) const {
  const Slot& slot = table_[number];
  if (beat.origin > slot.origin) return false;  // BeatOrigin is ordered, the strongest first
  return eviction_ == Eviction::Balanced || now_ns - slot.last_ns >= long_silence_ns_;
}

Tracker::Outcome Tracker::reuse(Number number, const TrackedBeat& beat, std::uint64_t now_ns) {
  const bool evicted = table_[number].list != List::Dead;
  discharge(number);
  table_.rename(number, beat.pid);
  take_over(number, beat, now_ns);
  return Inserted{evicted};
}

Tracker::Outcome Tracker::restart(Number number, const TrackedBeat& beat, std::uint64_t now_ns) {
  Restarted restarted;
  if (table_[number].list != List::Dead) restarted.ended = describe(number);
  const std::uint32_t owner = table_.rest(number).owner;  // kNoOwner if dead
  if (owner != beat.owner && !owner_has_room(beat.owner)) return Full{.owner = true};
  discharge(number);
  take_over(number, beat, now_ns);
  return restarted;
}

Tracker::Outcome Tracker::refresh(Number number, const TrackedBeat& beat, std::uint64_t now_ns,
                                  bool new_session) {
  Slot& slot = table_[number];
  const bool changed = new_session || slot.list == List::Stalled || slot.status != beat.status;
  learn(number, beat);
  hear(slot, beat, now_ns);
  put_in_order(number);
  return Refreshed{changed, new_session};
}

// Assigns the slot to this beat's sender.
void Tracker::take_over(Number number, const TrackedBeat& beat, std::uint64_t now_ns) {
  Slot& slot = table_[number];
  slot.origin = beat.origin;
  slot.generation_ns = beat.generation_ns;
  slot.ns_inode = beat.ns_inode;
  slot.own_pid = beat.own_pid;
  slot.sent_ns = 0;
  table_.rest(number) = {
      .cgroup_id = beat.cgroup_id, .refused_ns = 0, .checked_ns = 0, .owner = kNoOwner};
  charge(number, beat.owner);
  slot.heard = Heard::OnlyTerminal;
  hear(slot, beat, now_ns);
  put_in_order(number);
}

void Tracker::learn(Number number, const TrackedBeat& beat) {
  Slot& slot = table_[number];
  if (slot.generation_ns == 0 && beat.generation_ns != 0) {
    slot.generation_ns = beat.generation_ns;
    table_.rest(number).cgroup_id = beat.cgroup_id;
  }
  if (slot.ns_inode == 0) slot.ns_inode = beat.ns_inode;
  if (slot.own_pid == 0) slot.own_pid = beat.own_pid;
}

void Tracker::hear(Slot& slot, const TrackedBeat& beat, std::uint64_t now_ns) {
  slot.status = beat.status;
  slot.uid = beat.uid;
  slot.kernel_slot = beat.kernel_slot;
  slot.last_ns = now_ns;
  slot.sent_ns = std::max(slot.sent_ns, beat.sent_ns);
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

bool Tracker::begins_session(const Slot& slot, const TrackedBeat& beat) {
  if (beat.nonce != kFirstNonce) return false;
  if (beat.generation_ns == 0 && slot.generation_ns == 0) return slot.list == List::Stalled;
  if (beat.origin != BeatOrigin::KernelAttested) return false;
  if (beat.generation_ns == 0 || beat.generation_ns != slot.generation_ns) return false;
  return slot.sent_ns != 0 && beat.sent_ns > slot.sent_ns;
}

Tracker::Stalled Tracker::describe(Number number) const {
  const Slot& slot = table_[number];
  return Stalled{
      .pid = slot.pid,
      .own_pid = slot.own_pid,
      .ns_inode = slot.ns_inode,
      .generation_ns = slot.generation_ns,
      .cgroup_id = table_.rest(number).cgroup_id,
      .last_nonce = slot.heard == Heard::Regular ? slot.high_nonce : vlp::kTerminalNonce,
      .last_ns = slot.last_ns,
      .origin = slot.origin,
      .uid = slot.uid,
  };
}

}  // namespace hb
