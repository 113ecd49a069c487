#include "intake/udp_source.hpp"

namespace hb::intake {

std::optional<Reception> UdpSource::next(std::uint64_t now_ns) {
  const auto datagram = batch_.next(now_ns);
  if (!datagram) return ReceiveFailed{datagram.error()};
  if (datagram.value() == nullptr) return std::nullopt;
  const auto unwrapped = wrapping_.unwrap(datagram.value()->bytes(), now_ns);
  if (const auto* reason = std::get_if<FrameDrop>(&unwrapped)) return Dropped{*reason};
  return Arrival{std::get<FrameBytes>(unwrapped), ClaimOnly{}, origin_};
}

}  // namespace hb::intake
