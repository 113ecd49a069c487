#include "recovery/debounce_table.hpp"

namespace hb {

bool DebounceTable::holds(const ProcessKey& process, std::uint64_t now_ns) {
  forget_old(now_ns);
  return index_.contains(process);
}

bool DebounceTable::has_room(std::uint64_t now_ns) {
  forget_old(now_ns);
  return index_.size() < capacity_;
}

void DebounceTable::note(const ProcessKey& process, std::uint64_t now_ns) {
  forget_old(now_ns);
  if (const auto known = index_.find(process); known != index_.end()) {
    known->second->at_ns = now_ns;
    entries_.splice(entries_.end(), entries_, known->second);
    return;
  }
  if (index_.size() >= capacity_) return;
  entries_.push_back({process, now_ns});
  index_.emplace(process, std::prev(entries_.end()));
}

void DebounceTable::forget_old(std::uint64_t now_ns) {
  while (!entries_.empty() && now_ns - entries_.front().at_ns >= window_ns_) {
    index_.erase(entries_.front().process);
    entries_.pop_front();
  }
}

}  // namespace hb
