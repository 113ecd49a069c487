#include "transport/unix_agent.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "transport/unix_address.hpp"

namespace hb {
namespace {

constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

// The socket that we were connected to is dead; a new one may live under the same path.
bool lost_peer(int code) {
  return code == ECONNREFUSED || code == ENOTCONN || code == ECONNRESET || code == EPIPE;
}

struct alignas(cmsghdr) CredentialMessage {
  std::array<std::byte, CMSG_SPACE(sizeof(ucred))> bytes{};
};

void put_credentials(msghdr& header, CredentialMessage& room, std::uint32_t pid) {
  header.msg_control = &room;
  header.msg_controllen = sizeof(room);
  cmsghdr* message = CMSG_FIRSTHDR(&header);
  message->cmsg_level = SOL_SOCKET;
  message->cmsg_type = SCM_CREDENTIALS;
  message->cmsg_len = CMSG_LEN(sizeof(ucred));
  const ucred shown{static_cast<pid_t>(pid), ::getuid(), ::getgid()};
  std::memcpy(CMSG_DATA(message), &shown, sizeof(shown));
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

Status UnixAgent::connect() {
  const auto address = unix_address(path_);
  if (!address) return address.error();
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int code = errno;
  if (!socket) return os_error(code, "cannot make a Unix datagram socket");
  const auto* where = reinterpret_cast<const sockaddr*>(&address.value());
  const int refused = ::connect(socket.get(), where, sizeof(sockaddr_un));
  code = errno;
  if (refused != 0) return os_error(code, "cannot reach an observer at " + path_);
  socket_ = std::move(socket);
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
