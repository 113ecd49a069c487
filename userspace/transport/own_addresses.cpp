#include "transport/own_addresses.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "transport/udp_address.hpp"

namespace hb {
namespace {

Fd probe(int family) { return Fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

// connect(2) to AF_UNSPEC lets a datagram socket forget its peer, and the source with it.
void disconnect(int socket) {
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  ::connect(socket, &nobody, sizeof(nobody));
}

}  // namespace

Result<KernelOwnAddresses> KernelOwnAddresses::open() {
  Fd v4 = probe(AF_INET);
  const int code = errno;
  if (!v4) return os_error(code, "cannot make a socket to learn this host's own addresses");
  return KernelOwnAddresses(std::move(v4), probe(AF_INET6));
}

bool KernelOwnAddresses::is_own(const HostAddress& address, std::uint64_t now_ns) {
  if (UdpAddress::of(address).is_loopback()) return true;
  Answer& answer = kept_[address.bytes.back() % kKept];
  if (answer.address == address && now_ns < answer.until_ns) return answer.is_own;
  answer = {address, now_ns + kHolds_ns, ask(address)};
  return answer.is_own;
}

bool KernelOwnAddresses::ask(const HostAddress& address) const {
  const UdpAddress peer = UdpAddress::of(address);
  const int socket = peer.family() == AF_INET ? v4_.get() : v6_.get();
  if (socket < 0) return false;
  sockaddr_storage source{};
  socklen_t size = sizeof(source);
  const bool is_told = ::connect(socket, peer.data(), peer.size()) == 0 &&
                       ::getsockname(socket, reinterpret_cast<sockaddr*>(&source), &size) == 0;
  disconnect(socket);  // also after a failure: a link-local peer has bound it to an interface
  return is_told && host_of(source) == address;
}

}  // namespace hb
