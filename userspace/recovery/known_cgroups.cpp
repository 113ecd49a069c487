#include "recovery/known_cgroups.hpp"

#include <algorithm>
#include <map>

namespace hb {

bool KnownCgroups::began(std::uint64_t id, const Uid& uid) {
  const auto known = entries_.find(id);
  if (known != entries_.end()) {
    ++known->second.agents;
    return false;
  }
  if (!make_room(uid)) return false;
  entries_.emplace(id, Entry{.uid = uid, .order = ++orders_, .agents = 1, .facts = std::nullopt});
  return true;
}

void KnownCgroups::ended(std::uint64_t id) {
  const auto known = entries_.find(id);
  if (known != entries_.end() && known->second.agents > 0) --known->second.agents;
}

bool KnownCgroups::answer(std::uint64_t id, const std::optional<ServiceFacts>& facts) {
  if (!is_pending(id)) return false;
  if (facts) {
    entries_[id].facts = facts;
  } else {
    entries_.erase(id);
  }
  return true;
}

bool KnownCgroups::is_pending(std::uint64_t id) const {
  const auto known = entries_.find(id);
  return known != entries_.end() && !known->second.facts;
}

const ServiceFacts* KnownCgroups::facts(std::uint64_t id) const {
  const auto known = entries_.find(id);
  return known != entries_.end() && known->second.facts ? &*known->second.facts : nullptr;
}

// What is asked for stays, as something may be held until it is answered.
bool KnownCgroups::make_room(const Uid& uid) {
  const bool is_share_full = uid != 0U && count_of(uid) >= std::max<std::size_t>(1, capacity_ / 4);
  if (!is_share_full && entries_.size() < capacity_) return true;
  const auto is_of = [](const Uid& owner) {
    return [owner](const Entry& entry) { return entry.uid == owner; };
  };
  const auto is_empty = [&](const Entry& entry) {
    return entry.agents == 0 && (!is_share_full || entry.uid == uid);
  };
  return forget_oldest(is_empty) || forget_oldest(is_of(is_share_full ? uid : uid_with_most()));
}

std::size_t KnownCgroups::count_of(const Uid& uid) const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(),
                    [&](const auto& entry) { return entry.second.uid == uid; }));
}

KnownCgroups::Uid KnownCgroups::uid_with_most() const {
  std::map<Uid, std::size_t> counts;
  for (const auto& [id, entry] : entries_) ++counts[entry.uid];
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most != counts.end() ? most->first : std::nullopt;
}

template <typename MayGo>
bool KnownCgroups::forget_oldest(MayGo may_go) {
  auto oldest = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (!entry->second.facts || !may_go(entry->second)) continue;
    if (oldest == entries_.end() || entry->second.order < oldest->second.order) oldest = entry;
  }
  if (oldest == entries_.end()) return false;
  entries_.erase(oldest);
  return true;
}

}  // namespace hb
