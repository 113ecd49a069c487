// What every sender to a Unix datagram socket does first: connect, and say who it is if it wants
// to.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// A datagram socket that is connected to whoever listens at `path`. `socket_flags`: SOCK_NONBLOCK
// or nothing; it is never inherited by exec. The Error has connect(2)'s errno, or the address's.
[[nodiscard]] Result<Fd> connect_unix(const std::string& path, int socket_flags = 0);

// Room for SCM_CREDENTIALS; must live until the message was sent.
struct alignas(cmsghdr) CredentialMessage {
  std::array<std::byte, CMSG_SPACE(sizeof(ucred))> bytes{};
};

// The message names `pid`, and the real user and group of this process. The kernel refuses another
// pid than one's own unless the sender has CAP_SYS_ADMIN (unix(7)).
void put_credentials(msghdr& message, CredentialMessage& room, std::uint32_t pid);

}  // namespace hb
