// A datagram socket that is connected to a path, without UnixAgent between the test and the kernel.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "base/fd.hpp"
#include "transport/unix_address.hpp"

namespace hb::test {

inline Fd connected_to(const std::string& path) {
  Fd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = unix_address(path);
  EXPECT_EQ(::connect(sender.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                      sizeof(sockaddr_un)),
            0);
  return sender;
}

}  // namespace hb::test
