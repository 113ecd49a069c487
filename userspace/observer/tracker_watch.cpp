// How the silence of each agent is judged: its threshold, and what it says of itself by the notify
// protocol.
#include <algorithm>

#include "observer/notify_time.hpp"
#include "observer/tracker.hpp"

namespace hb {

bool Tracker::set_threshold(std::uint32_t pid, std::uint64_t generation_ns,
                            std::uint64_t threshold_ns) {
  const Number number = living(pid, generation_ns);
  if (number == AgentTable::kNone) return false;
  table_.rest(number).configured_ns = threshold_ns;
  const std::uint64_t own_ns = own_threshold_ns(number);
  switch (table_[number].watch) {
    case Watch::Watched: return apply_threshold(number, own_ns);
    case Watch::Unwatched: return true;
    case Watch::Extended:
    case Watch::Learning: break;
  }
  return apply_threshold(number, std::max(own_ns, threshold(table_[number]).ns));
}

// Of an agent that is watched.
std::uint64_t Tracker::own_threshold_ns(Number number) const {
  const AgentTable::Rest& rest = table_.rest(number);
  if (rest.own_ns != 0) return rest.own_ns;
  return rest.configured_ns != 0 ? rest.configured_ns : thresholds_[Thresholds::kDefault].ns;
}

// A kill may come anywhere: see restore_threshold().
bool Tracker::apply_threshold(Number number, std::uint64_t threshold_ns) {
  if (threshold(table_[number]).ns == threshold_ns) return true;
  const auto threshold = threshold_for(number, threshold_ns);
  if (!threshold) return false;
  const List list = table_[number].list;
  const List sorted = list == List::Stalled ? List::Stalled : List::Live;
  const bool is_sorted = put_in_order(number, sorted, *threshold);
  if (sorted == List::Live && !is_sorted) check_next(number);
  return true;
}

std::uint64_t Tracker::next_nonce(std::uint32_t pid, std::uint64_t generation_ns,
                                  bool is_ready) const {
  const Number number = living(pid, generation_ns);
  if (number == AgentTable::kNone) return kFirstNonce;
  const Slot& slot = table_[number];
  if (slot.heard == Heard::OnlyTerminal) return kFirstNonce;
  if (slot.heard == Heard::TerminalAfterRegular && !is_ready) return vlp::kTerminalNonce;
  return slot.is_notify != 0 ? slot.high_nonce + 1 : slot.high_nonce;
}

std::uint64_t Tracker::last_nonce(std::uint32_t pid, std::uint64_t generation_ns) const {
  const Number number = table_.find(pid);
  if (number == AgentTable::kNone || table_[number].generation_ns != generation_ns) return 0;
  const Slot& slot = table_[number];
  return slot.heard == Heard::Regular ? slot.high_nonce : vlp::kTerminalNonce;
}

// Who sends frames has said with the first one that more will come.
void Tracker::begin_watching(Number number) {
  table_[number].watch = Watch::Watched;
  apply_threshold(number, own_threshold_ns(number));
}

void Tracker::watch(std::uint32_t pid, std::uint64_t generation_ns, Watch watch,
                    std::uint64_t time_ns) {
  const Number number = living(pid, generation_ns);
  if (number == AgentTable::kNone) return;
  table_[number].watch = watch;
  const std::uint64_t own_ns = own_threshold_ns(number);
  switch (watch) {
    case Watch::Watched: apply_threshold(number, own_ns); break;
    case Watch::Unwatched: apply_threshold(number, kUnwatchedCheck_ns); break;
    case Watch::Extended:
    case Watch::Learning: apply_threshold(number, std::max(own_ns, time_ns)); break;
  }
}

void Tracker::want_threshold(std::uint32_t pid, std::uint64_t generation_ns,
                             std::uint64_t threshold_ns) {
  const Number number = living(pid, generation_ns);
  if (number != AgentTable::kNone) table_.rest(number).own_ns = threshold_ns;
}

std::optional<Tracker::Stalled> Tracker::record_failure(std::uint32_t pid,
                                                        std::uint64_t generation_ns) {
  const Number number = living(pid, generation_ns);
  if (number == AgentTable::kNone || table_[number].is_stalled()) return std::nullopt;
  return silence(number);
}

// The index of the agent's next threshold. The one that it leaves is free for it if no other agent
// has that.
std::optional<Tracker::Threshold> Tracker::threshold_for(Number number,
                                                         std::uint64_t threshold_ns) {
  const Threshold present = table_[number].threshold;
  if (table_.living(present) == 1) thresholds_.drop(present);
  return thresholds_.add(threshold_ns);
}

}  // namespace hb
