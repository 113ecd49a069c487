#include "transport/unix_agent.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "transport/unix_connection.hpp"

namespace hb {
namespace {

constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

// The peer socket is closed; a new one may be bound to the same path.
bool lost_peer(int code) {
  return code == ECONNREFUSED || code == ENOTCONN || code == ECONNRESET || code == EPIPE;
}

}  // namespace

Result<UnixAgent::Outcome> UnixAgent::send(std::span<const std::uint8_t> bytes) {
  int code = socket_ ? transmit(bytes) : ENOTCONN;
  if (lost_peer(code)) {
    if (auto connected = connect(); !connected) return connected.error();
    code = transmit(bytes);
  }
  if (code == 0) return Outcome::Queued;
  if (code == EAGAIN) return Outcome::QueueFull;
  return os_error(code, "cannot send to " + path_);
}

Result<> UnixAgent::connect() {
  auto connected = connect_unix(path_, SOCK_NONBLOCK);
  if (!connected) return connected.error();
  socket_ = std::move(connected).value();
  return ok();
}

// 0, or errno.
int UnixAgent::transmit(std::span<const std::uint8_t> bytes) const {
  iovec vector{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  CredentialMessage room;
  if (presented_pid_) put_credentials(header, room, *presented_pid_);
  for (;;) {
    if (::sendmsg(socket_.get(), &header, kFlags) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

}  // namespace hb
