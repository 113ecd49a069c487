// For senders: connect to a Unix datagram socket, and attach SCM_CREDENTIALS.
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

// A datagram socket that is connected to `path`. `socket_flags`: SOCK_NONBLOCK or 0; SOCK_CLOEXEC
// is always set. The Error has connect(2)'s errno, or unix_address()'s.
[[nodiscard]] Result<Fd> connect_unix(const std::string& path, int socket_flags = 0);

// Buffer for SCM_CREDENTIALS; must exist until the message was sent.
struct alignas(cmsghdr) CredentialMessage {
  std::array<std::byte, CMSG_SPACE(sizeof(ucred))> bytes{};
};

// Attaches `pid`, and the real uid and gid of this process. The kernel refuses a foreign pid unless
// the sender has CAP_SYS_ADMIN (unix(7)).
void put_credentials(msghdr& message, CredentialMessage& room, std::uint32_t pid);

}  // namespace hb
