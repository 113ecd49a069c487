// The other end of NOTIFY_SOCKET.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <string>

#include "base/fd.hpp"

namespace hb::test {

// A datagram socket at `name`: a path, or "@name".
inline Fd notify_server(const std::string& name) {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (name.front() == '@') address.sun_path[0] = '\0';
  const auto bytes = offsetof(sockaddr_un, sun_path) + name.size() + (name.front() == '@' ? 0 : 1);
  const auto* at = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_EQ(::bind(socket.get(), at, static_cast<socklen_t>(bytes)), 0);
  return socket;
}

}  // namespace hb::test
