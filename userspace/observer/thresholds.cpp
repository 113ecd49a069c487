#include "observer/thresholds.hpp"

#include <algorithm>

namespace hb {

Thresholds::Thresholds(std::uint64_t default_ns, std::uint64_t read_delay_ns, Kept* kept)
    : read_delay_ns_(read_delay_ns), kept_(kept), shortest_ns_(default_ns) {
  use(kDefault, default_ns);
}

std::optional<Thresholds::Index> Thresholds::add(std::uint64_t threshold_ns) {
  if (const Index known = find(threshold_ns); known != kMost) return known;
  const auto free = static_cast<Index>(std::countr_one(in_use_));
  if (free == kMost) return std::nullopt;
  use(free, threshold_ns);
  return free;
}

bool Thresholds::take_back(Index index) {
  if ((in_use_ & bit(index)) != 0) return true;
  if (kept_ == nullptr) return false;
  const std::uint64_t ns = kept_->ns[index];
  if (ns == 0 || kept_->complement[index] != ~ns) return false;
  use(index, ns);
  return true;
}

Thresholds::Index Thresholds::find(std::uint64_t threshold_ns) const {
  Index found = kMost;
  for_each([&](Index index) {
    if (thresholds_[index].ns == threshold_ns) found = index;
  });
  return found;
}

// The last gap counts, however short it was: there may have been a longer one not long before it.
void Thresholds::use(Index index, std::uint64_t threshold_ns) {
  thresholds_[index] = {.ns = threshold_ns,
                        .read_delay_ns = std::min(read_delay_ns_, threshold_ns / 3),
                        .grace = Grace(threshold_ns, last_gap_)};
  if (kept_ != nullptr) {
    kept_->ns[index] = threshold_ns;
    kept_->complement[index] = ~threshold_ns;
  }
  in_use_ |= bit(index);
  shortest_ns_ = std::min(shortest_ns_, threshold_ns);
  update_grace_end();
}

void Thresholds::drop(Index index) {
  if (index == kDefault) return;
  in_use_ &= ~bit(index);
  shortest_ns_ = thresholds_[kDefault].ns;
  for_each([&](Index used) { shortest_ns_ = std::min(shortest_ns_, thresholds_[used].ns); });
  update_grace_end();
}

void Thresholds::begin_grace(const Gap& gap) {
  last_gap_ = gap;
  for_each([&](Index index) { thresholds_[index].grace.begin(gap); });
  update_grace_end();
}

void Thresholds::agents_sent_every(std::uint64_t interval_ns) {
  for_each([&](Index index) { thresholds_[index].grace.agents_sent_every(interval_ns); });
  update_grace_end();
}

void Thresholds::update_grace_end() {
  grace_end_ns_ = 0;
  for_each([&](Index index) {
    grace_end_ns_ = std::max(grace_end_ns_, thresholds_[index].grace.judge_from_ns());
  });
}

}  // namespace hb
