#include "observer/feeds.hpp"

#include <algorithm>
#include <utility>

namespace hb {

bool Feeds::read(std::uint64_t now_ns) {
  taken_ = 0;
  for (count_ = 0; count_ < kAhead;) {
    auto reception = receive(now_ns);
    if (!reception) return false;
    Reception& last = ahead_[count_++] = *std::move(reception);
    if (std::holds_alternative<ReceiveFailed>(last)) break;  // before it fails again
  }
  return true;
}

std::optional<Reception> Feeds::receive(std::uint64_t now_ns) {
  for (std::size_t looked = 0; looked < feeds_.size(); ++looked) {
    Feed& feed = feeds_[turn_];
    turn_ = turn_ + 1 < feeds_.size() ? turn_ + 1 : 0;
    feed.left_out = now_ns - feed.empty_ns < empty_pause_ns_;
    if (feed.left_out) continue;
    if (auto reception = ask(feed, now_ns)) return reception;
  }
  // The others are empty: read those that were left out, so that nullopt means that all are empty.
  for (Feed& feed : feeds_) {
    if (!feed.left_out) continue;
    if (auto reception = ask(feed, now_ns)) return reception;
  }
  return std::nullopt;
}

std::optional<Reception> Feeds::ask(Feed& feed, std::uint64_t now_ns) {
  auto reception = feed.source->next(now_ns);
  feed.empty_ns = reception ? 0 : now_ns;
  if (reception) sources_[count_] = feed.source;
  return reception;
}

std::uint64_t Feeds::horizon_ns(std::uint64_t now_ns) const {
  std::uint64_t horizon = now_ns;
  for (const Feed& feed : feeds_) horizon = std::min(horizon, feed.source->horizon_ns());
  return horizon;
}

std::uint64_t Feeds::wake_ns(std::uint64_t now_ns) const {
  std::uint64_t wake = Source::kNever;
  for (const Feed& feed : feeds_) wake = std::min(wake, feed.source->wake_ns(now_ns));
  return wake;
}

}  // namespace hb
