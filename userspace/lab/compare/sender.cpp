#include "lab/compare/sender.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "observer/clock.hpp"
#include "transport/unix_connection.hpp"

namespace hb::compare {
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
    auto socket = connect_unix(path);
    if (!socket) return socket.error();
    fds.push_back(std::move(socket).value());
  }
  return Sender(std::move(fds));
}

Result<> Sender::send(const vlp::Bytes& frame) const {
  for (const Fd& fd : fds_) {
    if (::send(fd.get(), frame.data(), frame.size(), MSG_NOSIGNAL) < 0) {
      const int code = errno;
      return os_error(code, "cannot send");
    }
  }
  return ok();
}

Result<> Sender::send_as(std::uint32_t pid, const vlp::Bytes& frame) const {
  iovec vector{const_cast<std::uint8_t*>(frame.data()), frame.size()};
  CredentialMessage room;
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  put_credentials(message, room, pid);
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
