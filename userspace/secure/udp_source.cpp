#include "secure/udp_source.hpp"

namespace hb::secure {

std::optional<Reception> UdpSource::next(std::uint64_t now_ns) {
  if (next_ == count_) {
    auto received = refill(now_ns);
    if (!received) return ReceiveFailed{received.error()};
    if (received.value() == 0) return std::nullopt;
  }
  const auto unwrapped = wrapping_.unwrap(batch_[next_++].bytes(), now_ns);
  if (const auto* reason = std::get_if<FrameDrop>(&unwrapped)) return Dropped{*reason};
  return Arrival{std::get<FrameBytes>(unwrapped), ClaimOnly{}, origin_};
}

// What the last look brought has all been handed out by now: only here may the horizon move.
Result<std::size_t> UdpSource::refill(std::uint64_t now_ns) {
  horizon_.took(count_, looked_at_ns_);
  next_ = 0;
  count_ = 0;
  auto received = receiver_.receive(batch_);
  if (!received) return received;
  count_ = received.value();
  looked_at_ns_ = now_ns;
  if (count_ == 0) horizon_.empty_at(now_ns);
  return received;
}

}  // namespace hb::secure
