#include "transport/unix_connection.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "transport/unix_address.hpp"

namespace hb {

Result<Fd> connect_unix(const std::string& path, int socket_flags) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | socket_flags, 0));
  int code = errno;
  if (!socket) return os_error(code, "cannot make a Unix datagram socket");
  const auto* where = reinterpret_cast<const sockaddr*>(&address.value());
  const int refused = ::connect(socket.get(), where, sizeof(sockaddr_un));
  code = errno;
  if (refused != 0) return os_error(code, "cannot reach an observer at " + path);
  return socket;
}

void put_credentials(msghdr& message, CredentialMessage& room, std::uint32_t pid) {
  message.msg_control = &room;
  message.msg_controllen = sizeof(room);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_CREDENTIALS;
  header->cmsg_len = CMSG_LEN(sizeof(ucred));
  const ucred shown{static_cast<pid_t>(pid), ::getuid(), ::getgid()};
  std::memcpy(CMSG_DATA(header), &shown, sizeof(shown));
}

}  // namespace hb
