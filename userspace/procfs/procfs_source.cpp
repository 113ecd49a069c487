#include "procfs/procfs_source.hpp"

#include "procfs/namespace_link.hpp"

namespace hb {
namespace {

Attestation attest(const Credentials& credentials) {
  if (credentials.pid == 0) return Unattested::Unreadable;
  const auto inode = pid_namespace_of(credentials.pid);
  if (!inode) return Unattested::Unreadable;
  Identity sender;
  sender.tgid = credentials.pid;
  sender.pid_ns_inode = inode.value();
  sender.uid = credentials.uid;
  return sender;
}

Reception reception(const Datagram& datagram) {
  const auto arrival = [&](Attestation sender) {
    return Arrival{datagram.bytes, sender, BeatOrigin::SocketModeOnly};
  };
  switch (datagram.kind) {
    case Datagram::Kind::Frame: return arrival(attest(datagram.credentials));
    case Datagram::Kind::NoCredentials: return arrival(Unattested::Unreadable);
    case Datagram::Kind::WrongLength: return Dropped{FrameDrop::WrongLength};
    case Datagram::Kind::CtrlTruncated: return AncillaryTruncated{};
  }
  return Dropped{FrameDrop::WrongLength};
}

}  // namespace

std::optional<Reception> ProcfsSource::next(std::uint64_t now_ns) {
  if (next_ == count_) {
    auto received = refill(now_ns);
    if (!received) return ReceiveFailed{received.error()};
    if (received.value() == 0) return std::nullopt;
  }
  return reception(batch_[next_++]);
}

// What the last look brought has all been handed out by now: only here may the horizon move.
Result<std::size_t> ProcfsSource::refill(std::uint64_t now_ns) {
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

}  // namespace hb
