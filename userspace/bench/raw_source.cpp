#include "bench/raw_source.hpp"

#include <utility>

namespace hb::bench {

std::optional<Reception> RawSource::next(std::uint64_t now_ns) {
  if (next_ == count_) {
    horizon_.took(std::exchange(count_, 0), now_ns);
    next_ = 0;
    const auto received = receiver_.receive(batch_);
    if (!received) return ReceiveFailed{received.error()};
    count_ = received.value();
    if (count_ == 0) horizon_.empty_at(now_ns);
    if (count_ == 0) return std::nullopt;
  }
  const Datagram& datagram = batch_[next_++];
  if (datagram.kind != Datagram::Kind::Frame) return Dropped{FrameDrop::WrongLength};
  Identity claimed;
  claimed.tgid = datagram.credentials.pid;
  claimed.pid_ns_inode = ns_inode_;
  return Arrival{datagram.bytes, claimed, BeatOrigin::SocketModeOnly};
}

}  // namespace hb::bench
