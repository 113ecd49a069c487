#include "transport/udp_agent.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace hb {

// ECONNREFUSED refers to an earlier datagram, and this one was not sent (udp(7)): send it again.
Result<UdpAgent::Outcome> UdpAgent::send(std::span<const std::uint8_t> bytes) {
  if (!socket_) {
    if (auto connected = connect(); !connected) return connected.error();
  }
  int code = transmit(bytes);
  const bool refused = code == ECONNREFUSED;
  if (refused) code = transmit(bytes);
  if (refused) return os_error(ECONNREFUSED, "nobody receives at " + observer_.text());
  if (code == 0) return Outcome::Sent;
  if (code == EAGAIN || code == ENOBUFS) return Outcome::QueueFull;
  return os_error(code, "cannot send to " + observer_.text());
}

Result<> UdpAgent::connect() {
  Fd socket(::socket(observer_.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int code = errno;
  if (!socket) return os_error(code, "cannot make a UDP socket");
  const int refused = ::connect(socket.get(), observer_.data(), observer_.size());
  code = errno;
  if (refused != 0) return os_error(code, "cannot reach " + observer_.text());
  socket_ = std::move(socket);
  return ok();
}

// 0, or errno.
int UdpAgent::transmit(std::span<const std::uint8_t> bytes) const {
  for (;;) {
    if (::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
      return 0;
    }
    if (errno != EINTR) return errno;
  }
}

}  // namespace hb
