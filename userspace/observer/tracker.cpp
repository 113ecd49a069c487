#include "observer/tracker.hpp"

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>

#include "base/saturating.hpp"
#include "identity/verdict.hpp"

namespace hb {
namespace {

static_assert(kPidLimit - 1 <= AgentTable::kOwnPidMask);

constexpr std::uint64_t kNonceTop = ~std::uint64_t{0};

bool is_terminal(const TrackedBeat& beat) { return beat.nonce == vlp::kTerminalNonce; }

bool wraps(std::uint64_t last, std::uint64_t next) {
  return last >= kNonceTop - Tracker::kWrapWindow && next <= Tracker::kWrapWindow;
}

AgentId id_of(const TrackedBeat& beat) {
  return beat.claim == nullptr ? AgentId::of(beat.pid) : AgentId::of(beat.pid, *beat.claim);
}

// All agents on the network have one owner.
std::uint32_t owner_of(const TrackedBeat& beat) {
  return beat.claim == nullptr ? beat.owner : kNetworkOwner;
}

// The region, as what it holds; null without a state.
template <typename T>
T* kept(const StateMemory* state, StateRegion region) {
  return state == nullptr ? nullptr : reinterpret_cast<T*>(state->region(region).data());
}

bool both_known_and_different(std::uint64_t one, std::uint64_t other) {
  return one != 0 && other != 0 && one != other;
}

}  // namespace

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

Tracker::Tracker(std::size_t capacity, std::uint64_t threshold_ns, std::uint64_t seed,
                 Eviction eviction, std::size_t agents_per_owner, std::uint64_t read_delay_ns,
                 std::size_t network_agents, OriginPrecedence precedence, const StateMemory* state)
    : eviction_(eviction),
      agents_per_owner_(agents_per_owner),
      network_agents_(network_agents),
      precedence_(precedence),
      thresholds_(threshold_ns, read_delay_ns,
                  kept<Thresholds::Kept>(state, StateRegion::Thresholds)),
      table_(std::clamp<std::size_t>(capacity, 1, kMaxCapacity), seed,
             {.slots = kept<AgentTable::Slot>(state, StateRegion::Slots),
              .rests = kept<AgentTable::Rest>(state, StateRegion::Rests)}),
      owner_memory_((kNetworkOwner + 1) * sizeof(std::uint32_t)),
      agents_of_owner_(owner_memory_.as<std::uint32_t>()) {}

void Tracker::fetch(std::span<const std::uint32_t> pids) const {
  for (const std::uint32_t pid : pids) table_.fetch_bucket(pid);
  for (const std::uint32_t pid : pids) table_.fetch_slot(pid);
  for (const std::uint32_t pid : pids) table_.fetch_neighbours(pid);
}

Tracker::Number Tracker::find_claimed(const TrackedBeat& beat) const {
  return table_.find(id_of(beat));
}

Tracker::Outcome Tracker::record(const TrackedBeat& beat, std::uint64_t now_ns) {
  const Number number = find(beat);
  if (number == AgentTable::kNone) return insert(beat, now_ns);

  const Slot& slot = table_[number];
  if (beat.origin != slot.origin) return meet_other_origin(number, beat, now_ns);
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
  if (beat.claim == nullptr) note_refused(beat.pid, beat.generation_ns, beat.sent_ns);
  return OutOfOrder{};
}

// A claim from the network must not keep an attested process from being known for longer than it is
// kept up itself.
Tracker::Outcome Tracker::meet_other_origin(Number number, const TrackedBeat& beat,
                                            std::uint64_t now_ns) {
  const Slot& slot = table_[number];
  const BeatOrigin from = slot.origin;
  const bool gives_way = precedence_ == OriginPrecedence::Strongest || slot.is_stalled();
  if (beat.origin != BeatOrigin::KernelAttested || !gives_way) return OriginConflict{from};
  if (!owner_has_room(owner_of(beat))) return Full{Full::Bound::Owner};
  table_.begin_change(number);
  discharge(number);
  take_over(number, beat, now_ns);
  return TakenOver{from};
}

void Tracker::note_refused(std::uint32_t pid, std::uint64_t generation_ns, std::uint64_t sent_ns) {
  const Number number = table_.find(pid);
  if (number == AgentTable::kNone || table_[number].generation_ns != generation_ns) return;
  AgentTable::Attested& attested = table_.rest(number).attested;
  attested.refused_ns = std::max(attested.refused_ns, sent_ns);
}

// An agent that is this process, and not dead; kNone: there is none.
Tracker::Number Tracker::living(std::uint32_t pid, std::uint64_t generation_ns) const {
  const Number number = table_.find(pid);
  if (number == AgentTable::kNone || generation_ns == 0) return AgentTable::kNone;
  const Slot& slot = table_[number];
  const bool is_it = slot.generation_ns == generation_ns && slot.list != List::Dead;
  return is_it ? number : AgentTable::kNone;
}

Tracker::Due Tracker::due(Number number) const {
  const Slot& slot = table_[number];
  const std::uint64_t refused_ns = slot.is_remote() ? 0 : table_.rest(number).attested.refused_ns;
  return {.pid = slot.pid(),
          .kernel_slot = slot.kernel_slot,
          .generation_ns = slot.generation_ns,
          .heard_ns = std::max(slot.sent_ns, refused_ns),
          .threshold_ns = threshold(slot).ns,
          .is_watched = slot.watch != Watch::Unwatched};
}

Tracker::Stalled Tracker::silence(Number number) {
  const List list = is_of_network(number) ? List::StalledNetwork : List::Stalled;
  const bool may_be_repeated = note_untold(number);
  move(number, list, table_[number].threshold);
  AgentTable::Rest& rest = table_.rest(number);
  if (rest.stalls < AgentTable::kMostStalls) ++rest.stalls;
  return describe(number, may_be_repeated);
}

// Before it is moved, as a kill may come between. True: a predecessor has noted that already.
bool Tracker::note_untold(Number number) {
  note_told();
  untold_ = number;
  const bool was_untold = table_[number].untold != 0;
  table_[number].untold = 1;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return was_untold;
}

void Tracker::defer(Number number, std::uint64_t at_ns) {
  table_.rest(number).checked_ns = at_ns;
  move(number, List::Recheck, table_[number].threshold);
}

// Before all others, which have been checked already.
void Tracker::check_next(Number number) {
  table_.rest(number).checked_ns = 0;
  move(number, List::Recheck, table_[number].threshold);
  table_.move_after(number, AgentTable::kNone);
  note_if_oldest(number);
}

std::optional<Tracker::Stalled> Tracker::record_exit(std::uint32_t pid,
                                                     std::uint64_t generation_ns) {
  const Number number = living(pid, generation_ns);
  if (number == AgentTable::kNone) return std::nullopt;
  const bool may_be_repeated = note_untold(number);
  table_.rest(number).checked_ns = ++exits_;
  std::atomic_signal_fence(std::memory_order_seq_cst);  // a successor finds a dead one in its place
  move(number, List::Dead, Thresholds::kDefault);
  discharge(number);
  return describe(number, may_be_repeated);
}

std::uint64_t Tracker::next_deadline_ns() const { return next().deadline_ns; }

Tracker::Number Tracker::first_due(std::uint64_t at_ns) const {
  const Next first = next();
  return first.deadline_ns <= at_ns ? first.number : AgentTable::kNone;
}

// Few beats are of an agent that is the oldest with its threshold, so this rarely searches.
Tracker::Next Tracker::next() const {
  if (changed_ == 0) return next_;
  next_ = {};
  thresholds_.for_each([&](Threshold threshold) {
    Next& candidate = next_of_[threshold];
    if ((changed_ >> threshold & 1) != 0) candidate = find_next(threshold);
    if (candidate.deadline_ns < next_.deadline_ns) next_ = candidate;
  });
  changed_ = 0;
  return next_;
}

Tracker::Next Tracker::find_next(Threshold threshold) const {
  Next first;
  for (const List list : {List::Live, List::Recheck}) {
    const Number oldest = table_.oldest(list, threshold);
    if (oldest == AgentTable::kNone) continue;
    const std::uint64_t deadline = deadline_ns(oldest);
    if (deadline < first.deadline_ns) first = {.deadline_ns = deadline, .number = oldest};
  }
  first.deadline_ns = std::max(first.deadline_ns, thresholds_[threshold].grace.judge_from_ns());
  return first;
}

void Tracker::begin_grace(const Gap& gap) {
  thresholds_.begin_grace(gap);
  changed_ = kNever;
}

void Tracker::agents_sent_every(std::uint64_t interval_ns) {
  thresholds_.agents_sent_every(interval_ns);
  changed_ = kNever;
}

// When the agent is to be checked.
std::uint64_t Tracker::deadline_ns(Number number) const {
  const Slot& slot = table_[number];
  const std::uint64_t threshold_ns = threshold(slot).ns;
  if (slot.list != List::Recheck) return saturating_add(heard_ns(slot), threshold_ns);
  const std::uint64_t recheck_ns = std::max<std::uint64_t>(threshold_ns / 4, 1);
  return saturating_add(table_.rest(number).checked_ns, recheck_ns);
}

// False only for an agent that set_threshold() has put into List::Recheck.
bool Tracker::is_overdue(Number number, std::uint64_t at_ns) const {
  const Slot& slot = table_[number];
  return saturating_add(heard_ns(slot), threshold(slot).ns) <= at_ns;
}

// The agent was perhaps the last with that threshold.
void Tracker::left(Threshold threshold) {
  if (table_.living(threshold) == 0) thresholds_.drop(threshold);
}

// Beats come nearly in the order of their sending, so this takes a step or two. False: its place
// may be further back.
bool Tracker::put_in_order(Number number, List list, Threshold threshold) {
  move(number, list, threshold);
  const std::uint64_t heard = heard_ns(table_[number]);
  const Number newest = table_.older(number);
  Number older = newest;
  for (std::size_t n = 0; older != AgentTable::kNone; ++n) {
    if (heard_ns(table_[older]) <= heard) break;
    if (n == kOutOfOrder) return table_.move_after(number, older), false;
    older = table_.older(older);
  }
  if (older != newest) {
    table_.move_after(number, older);
    note_if_oldest(number);
  }
  return true;
}

bool Tracker::owner_has_room(std::uint32_t owner) const {
  if (owner > kNetworkOwner) return true;
  const std::size_t limit = owner == kNetworkOwner ? network_agents_ : agents_per_owner_;
  return limit == 0 || agents_of_owner_[owner] < limit;
}

// Slots in List::Dead have been discharged.
void Tracker::charge(Number number, std::uint32_t owner) {
  table_.rest(number).owner = owner;
  if (owner <= kNetworkOwner) ++agents_of_owner_[owner];
}

void Tracker::discharge(Number number) {
  const std::uint32_t owner = std::exchange(table_.rest(number).owner, kNoOwner);
  if (owner <= kNetworkOwner) --agents_of_owner_[owner];
}

Tracker::Outcome Tracker::insert(const TrackedBeat& beat, std::uint64_t now_ns) {
  if (!owner_has_room(owner_of(beat))) {
    if (beat.claim == nullptr) return Full{Full::Bound::Owner};
    const Number silent = table_.oldest(List::StalledNetwork);
    const bool is_free = silent != AgentTable::kNone && is_evictable(silent, beat, now_ns);
    return is_free ? reuse(silent, beat, now_ns) : Full{Full::Bound::Network};
  }
  if (const Number free = table_.add(id_of(beat)); free != AgentTable::kNone) {
    take_over(free, beat, now_ns);
    return Inserted{.evicted = false};
  }
  if (const Number dead = table_.oldest(List::Dead); dead != AgentTable::kNone) {
    return reuse(dead, beat, now_ns);
  }
  const Number silent = evictable(beat, now_ns);
  if (silent == AgentTable::kNone) return Full{Full::Bound::Capacity};
  return reuse(silent, beat, now_ns);
}

// The longest silent of those that may be evicted. There is a list of stalled agents for each
// threshold too: in a single one, an agent with a long threshold would stand before those whose
// kLongSilence has passed.
Tracker::Number Tracker::evictable(const TrackedBeat& beat, std::uint64_t now_ns) const {
  Number longest = AgentTable::kNone;
  const auto consider = [&](Number number) {
    if (number == AgentTable::kNone || !is_evictable(number, beat, now_ns)) return;
    const bool is_longer =
        longest == AgentTable::kNone || table_[number].last_ns < table_[longest].last_ns;
    if (is_longer) longest = number;
  };
  thresholds_.for_each(
      [&](Threshold threshold) { consider(table_.oldest(List::Stalled, threshold)); });
  consider(table_.oldest(List::StalledNetwork));
  return longest;
}

bool Tracker::is_evictable(Number number, const TrackedBeat& beat, std::uint64_t now_ns) const {
  const Slot& slot = table_[number];
  if (beat.origin > slot.origin) return false;  // BeatOrigin is ordered, the strongest first
  if (eviction_ == Eviction::Balanced) return true;
  return now_ns - slot.last_ns >= saturating_multiply(threshold(slot).ns, kLongSilence);
}

Tracker::Outcome Tracker::reuse(Number number, const TrackedBeat& beat, std::uint64_t now_ns) {
  const bool evicted = table_[number].list != List::Dead;
  table_.begin_change(number);
  discharge(number);
  table_.rename(number, id_of(beat));
  take_over(number, beat, now_ns);
  return Inserted{evicted};
}

Tracker::Outcome Tracker::restart(Number number, const TrackedBeat& beat, std::uint64_t now_ns) {
  Restarted restarted;
  if (table_[number].list != List::Dead) {
    restarted.ended = describe(number, table_[number].untold != 0);
  }
  const std::uint32_t owner = table_.rest(number).owner;  // kNoOwner if dead
  if (owner != owner_of(beat) && !owner_has_room(owner_of(beat))) {
    return Full{Full::Bound::Owner};
  }
  table_.begin_change(number);
  discharge(number);
  take_over(number, beat, now_ns);
  return restarted;
}

Tracker::Outcome Tracker::refresh(Number number, const TrackedBeat& beat, std::uint64_t now_ns,
                                  bool new_session) {
  Slot& slot = table_[number];
  const bool changed = new_session || slot.is_stalled() || slot.status != beat.status;
  const bool may_learn = slot.generation_ns == 0 || slot.ns_inode == 0;
  if (may_learn) {
    table_.begin_change(number);
    learn(number, beat);
  }
  hear(slot, beat, now_ns);
  put_in_order(number, List::Live, slot.threshold);
  if (may_learn) table_.end_change(number);
  if (!beat.is_notify && slot.watch != Watch::Watched) begin_watching(number);
  return Refreshed{changed, new_session};
}

// Assigns the slot to this beat's sender, with the default threshold.
void Tracker::take_over(Number number, const TrackedBeat& beat, std::uint64_t now_ns) {
  table_.begin_change(number);
  Slot& slot = table_[number];
  slot.origin = beat.origin;
  slot.generation_ns = beat.generation_ns;
  slot.ns_inode = beat.ns_inode;
  slot.sent_ns = 0;
  AgentTable::Rest& rest = table_.rest(number);
  if (!slot.is_remote()) rest.attested = {.cgroup_id = beat.cgroup_id, .refused_ns = 0};
  rest.checked_ns = 0;
  rest.own_pid = beat.own_pid & AgentTable::kOwnPidMask;
  rest.stalls = 0;
  rest.configured_ns = 0;
  rest.own_ns = 0;
  slot.watch = beat.is_notify ? Watch::Unwatched : Watch::Watched;
  slot.is_notify = beat.is_notify ? 1 : 0;
  charge(number, owner_of(beat));
  slot.heard = Heard::OnlyTerminal;
  slot.high_nonce = vlp::kTerminalNonce;  // no regular one is that
  hear(slot, beat, now_ns);
  put_in_order(number, List::Live, Thresholds::kDefault);
  table_.end_change(number);
}

void Tracker::learn(Number number, const TrackedBeat& beat) {
  Slot& slot = table_[number];
  if (slot.is_remote()) {
    table_.rest(number).host = beat.claim->host;
  } else if (slot.generation_ns == 0 && beat.generation_ns != 0) {
    AgentTable::Rest& rest = table_.rest(number);
    slot.generation_ns = beat.generation_ns;
    rest.attested.cgroup_id = beat.cgroup_id;
    if (rest.own_pid == 0) rest.own_pid = beat.own_pid & AgentTable::kOwnPidMask;
  }
  if (slot.ns_inode == 0) slot.ns_inode = beat.ns_inode;
}

// A kill may come anywhere: a successor that reads the beat again completes this, see repeat().
void Tracker::hear(Slot& slot, const TrackedBeat& beat, std::uint64_t now_ns) {
  slot.untold = 0;
  if (!beat.is_notify) slot.is_notify = 0;
  slot.uid = beat.uid;
  slot.kernel_slot = beat.kernel_slot;
  slot.last_ns = now_ns;
  if (!is_terminal(beat)) {
    slot.high_nonce = beat.nonce;
    slot.heard = Heard::Regular;
  } else if (slot.heard == Heard::Regular) {
    slot.heard = Heard::TerminalAfterRegular;
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  slot.sent_ns = std::max(slot.sent_ns, beat.sent_ns);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // before that, the status is the last one's
  slot.status = beat.status;
  slot.payload = beat.payload;
}

bool Tracker::in_order(const Slot& slot, const TrackedBeat& beat) {
  if (is_terminal(beat) || slot.heard == Heard::OnlyTerminal || beat.is_notify) return true;
  return beat.nonce > slot.high_nonce || wraps(slot.high_nonce, beat.nonce);
}

bool Tracker::record_repeated(const TrackedBeat& beat, std::uint64_t now_ns, bool is_counted) {
  if (beat.generation_ns == 0) return false;
  may_repeat_[beat.is_notify ? 1 : 0] = false;
  const Number number = find(beat);
  if (number == AgentTable::kNone) return false;
  if (!is_repeated(table_[number], beat, is_counted)) return false;
  if (table_[number].list == List::Dead) return true;
  // That its time was stored shows that its number was.
  if (!beat.is_notify) hear(table_[number], beat, now_ns);
  put_in_order(number, List::Live, table_[number].threshold);
  if (!beat.is_notify && table_[number].watch != Watch::Watched) begin_watching(number);
  return true;
}

// As far as hear() has come: the nonce was stored before the instant.
bool Tracker::is_repeated(const Slot& slot, const TrackedBeat& beat, bool is_counted) {
  if (beat.generation_ns != slot.generation_ns || beat.sent_ns == 0) return false;
  if (beat.is_notify) return beat.sent_ns == slot.sent_ns;
  if (beat.sent_ns == slot.sent_ns) return is_terminal(beat) || beat.nonce == slot.high_nonce;
  return !is_counted && beat.sent_ns > slot.sent_ns && beat.nonce == slot.high_nonce &&
         !is_terminal(beat);
}

bool Tracker::begins_session(const Slot& slot, const TrackedBeat& beat) {
  if (beat.nonce != kFirstNonce) return false;
  if (beat.generation_ns == 0 && slot.generation_ns == 0) return slot.is_stalled();
  if (beat.origin != BeatOrigin::KernelAttested) return false;
  if (beat.generation_ns == 0 || beat.generation_ns != slot.generation_ns) return false;
  return slot.sent_ns != 0 && beat.sent_ns > slot.sent_ns;
}

Tracker::Stalled Tracker::describe(Number number, bool may_be_repeated) const {
  const Slot& slot = table_[number];
  const AgentTable::Rest& rest = table_.rest(number);
  return Stalled{
      .pid = slot.pid(),
      .own_pid = rest.own_pid,
      .ns_inode = slot.ns_inode,
      .generation_ns = slot.generation_ns,
      .cgroup_id = slot.is_remote() ? 0 : rest.attested.cgroup_id,
      .last_nonce = slot.heard == Heard::Regular ? slot.high_nonce : vlp::kTerminalNonce,
      .last_ns = slot.last_ns,
      .origin = slot.origin,
      .uid = slot.uid,
      .kernel_slot = slot.kernel_slot,
      .status = slot.status,
      .payload = slot.payload,
      .host = slot.is_remote() ? rest.host : kThisHost,
      .threshold_ns = threshold(slot).ns,
      .stalls = rest.stalls,
      .may_be_repeated = may_be_repeated,
      .is_notify = slot.is_notify != 0,
      .is_watched = slot.watch != Watch::Unwatched,
      .configured_ns =
          rest.configured_ns != 0 ? rest.configured_ns : thresholds_[Thresholds::kDefault].ns,
  };
}

}  // namespace hb
