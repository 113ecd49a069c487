#include "intake/procfs_source.hpp"

#include "procfs/namespace_link.hpp"

namespace hb::intake {
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
  const auto datagram = batch_.next(now_ns);
  if (!datagram) return ReceiveFailed{datagram.error()};
  if (datagram.value() == nullptr) return std::nullopt;
  return reception(*datagram.value());
}

}  // namespace hb::intake
