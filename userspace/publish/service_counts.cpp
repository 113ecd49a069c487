#include "publish/service_counts.hpp"

#include <algorithm>
#include <utility>

namespace hb {

static_assert(kCauses == 3 && kStatuses == 3);

void ServiceCounts::Tally::add(const Tally& other) {
  beats += other.beats;
  for (std::size_t i = 0; i < stalls.size(); ++i) stalls[i] += other.stalls[i];
  for (std::size_t i = 0; i < outcomes.size(); ++i) outcomes[i] += other.outcomes[i];
}

// An odd number by chance: nobody can choose cgroups that share a bucket.
ServiceCounts::ServiceCounts(Board& board, std::uint64_t seed)
    : board_(board),
      multiplier_(seed | 1),
      memory_(kMaxCgroups * sizeof(Cgroup)),
      cgroups_(memory_.as<Cgroup>()) {
  static_assert(kBuckets == std::size_t{1} << (64 - 52));
  buckets_.fill(kNone);
}

bool ServiceCounts::count(const Beat& beat) {
  Number number = find(beat.cgroup_id);
  bool is_new = false;
  if (number == kNone && beat.is_first && beat.cgroup_id != 0) {
    number = add(beat.cgroup_id, beat.uid);
    is_new = number != kNone;
  }
  if (number == kNone) {
    ++services_[0].beats;
  } else {
    ++cgroups_[number].tally.beats;
  }
  return is_new;
}

ServiceCounts::Number ServiceCounts::find(std::uint64_t id) const {
  for (std::size_t at = bucket(id);; at = (at + 1) % kBuckets) {
    const Number number = buckets_[at];
    if (number == kNone || cgroups_[number].id == id) return number;
  }
}

ServiceCounts::Tally& ServiceCounts::of(std::uint64_t id) {
  const Number number = find(id);
  return number == kNone ? services_[0] : cgroups_[number].tally;
}

ServiceCounts::Number ServiceCounts::add(std::uint64_t id, const Uid& uid) {
  if (used_ == kMaxCgroups) return kNone;
  if (uid && *uid != 0) {
    std::size_t& theirs = of_uid_[*uid];
    if (theirs >= kMostOfUid) return kNone;
    ++theirs;
  }
  while (cgroups_[next_].id != 0) next_ = (next_ + 1) % kMaxCgroups;
  const auto number = static_cast<Number>(next_);
  cgroups_[number] = {
      .id = id, .tally = {}, .uid = uid.value_or(0), .service = 0, .was_seen = true};
  ++used_;
  has_grown_ = true;
  enter(number);
  board_.cgroups[number].store(id, std::memory_order_release);
  return number;
}

void ServiceCounts::enter(Number number) {
  std::size_t at = bucket(cgroups_[number].id);
  while (buckets_[at] != kNone) at = (at + 1) % kBuckets;
  buckets_[at] = number;
}

void ServiceCounts::begin_census() {
  has_grown_ = false;
  census_.assign(kMaxServices, {});
  for (Number number = 0; number < kMaxCgroups; ++number) {
    if (cgroups_[number].id != 0) cgroups_[number].was_seen = false;
  }
  learn_services();
}

bool ServiceCounts::see(const Agent& agent) {
  Number number = find(agent.cgroup_id);
  bool is_new = false;
  if (number == kNone && agent.cgroup_id != 0) {
    number = add(agent.cgroup_id, agent.uid);
    is_new = number != kNone;
  }
  Number service = 0;
  if (number != kNone) {
    cgroups_[number].was_seen = true;
    service = cgroups_[number].service;
  }
  Census& census = census_[service];
  ++(agent.is_silent ? census.silent : census.agents[static_cast<std::size_t>(agent.status)]);
  if (census.oldest_beat_ns == 0 || agent.last_beat_ns < census.oldest_beat_ns) {
    census.oldest_beat_ns = agent.last_beat_ns;
  }
  return is_new;
}

void ServiceCounts::end_census() {
  std::copy(census_.begin(), census_.end(), last_census_.begin());
  if (used_ >= kCrowded) free_unseen();
}

// What is not the service's yet becomes so, or `other`'s.
void ServiceCounts::free_unseen() {
  learn_services();
  buckets_.fill(kNone);
  for (Number number = 0; number < kMaxCgroups; ++number) {
    Cgroup& cgroup = cgroups_[number];
    if (cgroup.id == 0) continue;
    if (cgroup.was_seen) {
      enter(number);
      continue;
    }
    services_[cgroup.service].add(cgroup.tally);
    if (cgroup.uid != 0 && --of_uid_[cgroup.uid] == 0) of_uid_.erase(cgroup.uid);
    cgroup = {};
    --used_;
    board_.cgroups[number].store(0, std::memory_order_release);
  }
}

// Counts of a number that was given to another service are dropped: in `other`, they would look as
// if they had just happened.
void ServiceCounts::learn_services() {
  for (std::size_t service = 1; service < kMaxServices; ++service) {
    const auto now = board_.names.generations[service].load(std::memory_order_acquire);
    if (std::exchange(generations_[service], now) != now) services_[service] = {};
  }
  for (Number number = 0; number < kMaxCgroups; ++number) {
    Cgroup& cgroup = cgroups_[number];
    if (cgroup.id == 0) continue;
    const auto answer = board_.names.services[number].load(std::memory_order_acquire);
    const auto service = service_in(answer, cgroup.id);
    cgroup.service = service.value_or(0);
    if (!service) continue;
    services_[*service].add(cgroup.tally);
    cgroup.tally = {};
  }
}

void ServiceCounts::write(Figures& figures) {
  learn_services();
  for (std::size_t i = 0; i < kMaxServices; ++i) {
    const Tally& tally = services_[i];
    const Census& census = last_census_[i];
    figures.services[i] = {.generation = generations_[i],
                           .beats = tally.beats,
                           .stalls = tally.stalls,
                           .outcomes = tally.outcomes,
                           .agents = census.agents,
                           .silent = census.silent,
                           .oldest_beat_ns = census.oldest_beat_ns};
  }
}

}  // namespace hb
