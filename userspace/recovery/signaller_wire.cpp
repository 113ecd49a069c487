#include "recovery/signaller_wire.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <type_traits>

namespace hb {
namespace {

static_assert(std::is_trivially_copyable_v<SignallerHello>);
static_assert(std::is_trivially_copyable_v<SignalRequest>);
static_assert(std::is_trivially_copyable_v<SignalAnswer>);

// Room for the control message that carries one descriptor.
union OneDescriptor {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr aligned;
};

Fd take_descriptor(msghdr& message) {
  const cmsghdr* control = CMSG_FIRSTHDR(&message);
  if (control == nullptr || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS ||
      control->cmsg_len != CMSG_LEN(sizeof(int))) {
    return Fd();
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(control), sizeof(fd));
  return Fd(fd);
}

}  // namespace

Result<> send_request(const Fd& socket, const SignalRequest& request, const Fd& pidfd) {
  iovec bytes{const_cast<SignalRequest*>(&request), sizeof(request)};
  OneDescriptor room{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof(room.bytes);
  cmsghdr* control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = pidfd.get();
  std::memcpy(CMSG_DATA(control), &fd, sizeof(fd));
  if (::sendmsg(socket.get(), &message, MSG_NOSIGNAL) == sizeof(request)) return ok();
  const int code = errno;
  return os_error(code, "cannot ask the signaller process (sendmsg)");
}

// Bytes that came with a descriptor are never joined with others by one recvmsg (unix(7)).
Result<std::optional<ReceivedRequest>> receive_request(const Fd& socket) {
  ReceivedRequest received;
  iovec bytes{&received.request, sizeof(received.request)};
  OneDescriptor room{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof(room.bytes);
  const ssize_t length = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  const int code = errno;
  if (length < 0) return os_error(code, "cannot receive a request (recvmsg)");
  received.pidfd = take_descriptor(message);
  if (length != sizeof(received.request)) return std::optional<ReceivedRequest>();
  return std::optional<ReceivedRequest>(std::move(received));
}

bool send_all(const Fd& socket, const void* data, std::size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t sent = ::send(socket.get(), next, size, MSG_NOSIGNAL);
    const int code = errno;
    if (sent < 0 && code == EINTR) continue;
    if (sent <= 0) return false;
    next += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace hb
