#include "compare/sender.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "observer/clock.hpp"
#include "transport/unix_address.hpp"

namespace hb::compare {
namespace {

Result<Fd> connected(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  int code = errno;
  if (!socket) return os_error(code, "cannot make a socket");
  const auto* where = reinterpret_cast<const sockaddr*>(&address.value());
  const int refused = ::connect(socket.get(), where, sizeof(sockaddr_un));
  code = errno;
  if (refused != 0) return os_error(code, "cannot connect to " + path);
  return socket;
}

struct alignas(cmsghdr) CredentialMessage {
  std::array<std::byte, CMSG_SPACE(sizeof(ucred))> bytes{};
};

void attach_pid(msghdr& message, CredentialMessage& room, std::uint32_t pid) {
  message.msg_control = &room;
  message.msg_controllen = sizeof(room);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_CREDENTIALS;
  header->cmsg_len = CMSG_LEN(sizeof(ucred));
  const ucred shown{static_cast<pid_t>(pid), ::getuid(), ::getgid()};
  std::memcpy(CMSG_DATA(header), &shown, sizeof(shown));
}

}  // namespace

vlp::Bytes beat_claiming(std::uint32_t pid, std::uint64_t nonce, std::uint32_t payload) {
  return vlp::encode({.status = vlp::Status::Ok,
                      .pid = pid,
                      .timestamp = MonotonicClock().now_ns(),
                      .nonce = nonce,
                      .payload = payload});
}

Result<Sender> Sender::connect(const Sockets& sockets) {
  std::vector<Fd> fds;
  for (const auto& path : sockets) {
    auto socket = connected(path);
    if (!socket) return socket.error();
    fds.push_back(std::move(socket).value());
  }
  return Sender(std::move(fds));
}

Status Sender::send(const vlp::Bytes& frame) const {
  for (const Fd& fd : fds_) {
    if (::send(fd.get(), frame.data(), frame.size(), MSG_NOSIGNAL) < 0) {
      const int code = errno;
      return os_error(code, "cannot send");
    }
  }
  return ok();
}

Status Sender::send_as(std::uint32_t pid, const vlp::Bytes& frame) const {
  iovec vector{const_cast<std::uint8_t*>(frame.data()), frame.size()};
  CredentialMessage room;
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  attach_pid(message, room, pid);
  for (const Fd& fd : fds_) {
    if (::sendmsg(fd.get(), &message, MSG_NOSIGNAL) < 0) {
      const int code = errno;
      return os_error(code, "cannot send under another pid");
    }
  }
  return ok();
}

void Sender::offer(const vlp::Bytes& frame) const {
  for (const Fd& fd : fds_) {
    [[maybe_unused]] const auto sent =
        ::send(fd.get(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

std::uint32_t own_pid() { return static_cast<std::uint32_t>(::getpid()); }

}  // namespace hb::compare
