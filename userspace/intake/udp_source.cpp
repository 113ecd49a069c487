#include "intake/udp_source.hpp"

namespace hb::intake {

std::optional<Reception> UdpSource::next(std::uint64_t now_ns) {
  const auto datagram = batch_.next(now_ns);
  if (!datagram) return ReceiveFailed{datagram.error()};
  if (datagram.value() == nullptr) return std::nullopt;
  const HostAddress& from = datagram.value()->from;
  const HostAddress host = own_.is_own(from, now_ns) ? kThisHost : from;
  const auto outcome = wrapping_.unwrap(datagram.value()->bytes(), host, now_ns);
  if (const auto* reason = std::get_if<FrameDrop>(&outcome)) return Dropped{*reason};
  const auto& unwrapped = std::get<secure::Unwrapped>(outcome);
  return Arrival{unwrapped.frame, unwrapped.sender, origin_};
}

}  // namespace hb::intake
