// What a tracker takes back of its predecessor's. The memory may be torn or corrupted, so each
// field is checked that anything else relies on.
#include <algorithm>
#include <utility>
#include <vector>

#include "identity/verdict.hpp"
#include "observer/notify_time.hpp"
#include "observer/tracker.hpp"

namespace hb {
namespace {

// One more whenever Slot, Rest or Thresholds::Kept change in form or in meaning.
constexpr std::uint32_t kVersion = 4;

}  // namespace

void Tracker::add_to(StateMemory::Layout& layout, std::size_t capacity) {
  const std::uint64_t slots =
      AgentTable::kLists + std::clamp<std::size_t>(capacity, 1, kMaxCapacity);
  layout[StateRegion::Slots] = {.version = kVersion, .bytes = slots * sizeof(AgentTable::Slot)};
  layout[StateRegion::Rests] = {.version = kVersion, .bytes = slots * sizeof(AgentTable::Rest)};
  layout[StateRegion::Thresholds] = {.version = kVersion, .bytes = sizeof(Thresholds::Kept)};
}

Tracker::TakenBack Tracker::take_back(const Instants& now, bool tell_again) {
  TakenBack taken;
  std::vector<std::pair<std::uint64_t, Number>> kept;
  table_.take_back([&](Number number) {
    if (!is_kept(number, now, tell_again, taken)) return false;
    count_kept(number, taken);
    kept.emplace_back(order_in_list(number), number);
    return true;
  });
  std::ranges::sort(kept);
  std::vector<Number> numbers;
  numbers.reserve(kept.size());
  for (const auto& [order, number] : kept) {
    numbers.push_back(number);
    // Numbered anew, so that the count starts low whatever was found. Never above what it was.
    if (table_[number].list == List::Dead) table_.rest(number).checked_ns = ++exits_;
  }
  table_.link(numbers);
  changed_ = kNever;
  may_repeat_.fill(true);
  return taken;
}

bool Tracker::is_kept(Number number, const Instants& now, bool tell_again, TakenBack& taken) {
  Slot& slot = table_[number];
  if (slot.changing != 0) return ++taken.torn, false;
  if (slot.untold != 0 || (tell_again && slot.is_stalled())) bring_back(slot);
  // An exit ends the threshold and the owner's charge after it has marked the slot as dead.
  if (slot.list == List::Dead) {
    slot.threshold = Thresholds::kDefault;
    table_.rest(number).owner = kNoOwner;
  }
  const AgentId id{slot.id, table_.rest(number).host};
  const bool is_good =
      is_in_range(number, now) && table_.find(id) == AgentTable::kNone && restore_threshold(number);
  if (!is_good) ++taken.refused;
  return is_good;
}

// The one that it was to have when apply_threshold() was interrupted. While it has more time than
// that says, the one that it has; and of two that differ otherwise, the longer one.
bool Tracker::restore_threshold(Number number) {
  Slot& slot = table_[number];
  const bool is_valid = thresholds_.take_back(slot.threshold);
  if (slot.list == List::Dead || is_of_network(number)) return is_valid;
  std::uint64_t wanted_ns =
      slot.watch == Watch::Unwatched ? kUnwatchedCheck_ns : own_threshold_ns(number);
  if (is_valid) wanted_ns = std::max(wanted_ns, threshold(slot).ns);
  const auto threshold = thresholds_.add(wanted_ns);
  if (threshold) slot.threshold = *threshold & AgentTable::kThresholdMask;
  return is_valid || threshold.has_value();
}

// Its exit, which is kept too, or its silence is judged once more: unless it beats before.
void Tracker::bring_back(Slot& slot) {
  slot.untold = 1;
  if (slot.list == List::Dead || slot.is_stalled()) slot.list = List::Live;
}

bool Tracker::is_in_range(Number number, const Instants& now) const {
  const Slot& slot = table_[number];
  const AgentTable::Rest& rest = table_.rest(number);
  if (slot.pid() == 0 || slot.pid() >= kPidLimit) return false;
  if (slot.id > (AgentId::kByAddress | AgentId::kPid)) return false;  // of both kinds
  if (slot.list > List::StalledNetwork || slot.heard > Heard::TerminalAfterRegular) return false;
  if (slot.status > vlp::Status::Critical) return false;
  if (std::max(slot.last_ns, slot.sent_ns) > now.now_ns) return false;
  if (slot.generation_ns > now.boot_ns) return false;
  if (slot.list == List::Recheck && rest.checked_ns > now.now_ns) return false;
  if (rest.owner > kNetworkOwner && rest.owner != kNoOwner) return false;
  const bool is_of_network = rest.owner == kNetworkOwner;
  if (slot.list == List::StalledNetwork && !is_of_network) return false;
  // Nothing of the network is attested, and only the attested have other thresholds.
  if (is_of_network && (slot.threshold != Thresholds::kDefault || slot.generation_ns != 0)) {
    return false;
  }
  if (slot.is_remote()) return slot.origin != BeatOrigin::KernelAttested && slot.generation_ns == 0;
  return rest.attested.refused_ns <= now.now_ns;
}

void Tracker::count_kept(Number number, TakenBack& taken) {
  if (table_[number].list == List::Dead) {
    ++taken.dead;
    return;
  }
  ++taken.agents;
  const std::uint32_t owner = table_.rest(number).owner;
  if (owner <= kNetworkOwner) ++agents_of_owner_[owner];
}

// By which the slots of its list are ordered.
std::uint64_t Tracker::order_in_list(Number number) const {
  const Slot& slot = table_[number];
  switch (slot.list) {
    case List::Live: return heard_ns(slot);
    case List::Recheck:
    case List::Dead: return table_.rest(number).checked_ns;
    case List::Stalled:
    case List::StalledNetwork: break;  // that in which they were reported, or nearly so
  }
  return slot.last_ns;
}

}  // namespace hb
