#include "lab/bench/raw_source.hpp"

namespace hb::bench {

std::optional<Reception> RawSource::next(std::uint64_t now_ns) {
  const auto next = batch_.next(now_ns);
  if (!next) return ReceiveFailed{next.error()};
  if (next.value() == nullptr) return std::nullopt;
  const Datagram& datagram = *next.value();
  if (datagram.kind != Datagram::Kind::Frame) return Dropped{FrameDrop::WrongLength};
  Identity claimed;
  claimed.tgid = datagram.credentials.pid;
  claimed.pid_ns_inode = ns_inode_;
  return Arrival{datagram.bytes, claimed, BeatOrigin::SocketModeOnly};
}

}  // namespace hb::bench
