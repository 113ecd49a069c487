// A datagram socket that a service manager has bound, and passes to a program: as systemd does for
// a socket unit with ListenDatagram=.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "tests/support/process.hpp"
#include "transport/unix_address.hpp"

namespace hb::test {

class PassedSocket {
 public:
  explicit PassedSocket(const std::string& path, int type = SOCK_DGRAM)
      : socket_(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) {
    const auto address = unix_address(path);
    EXPECT_TRUE(address) << path;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                     sizeof(sockaddr_un)),
              0);
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
  }

  // What starts `program` with it, under that name. By a shell, as LISTEN_PID is the program's own
  // pid.
  static Argv pass_to(const Argv& program, const std::string& name = "agents") {
    Argv argv{"/bin/sh", "-c",
              "exec 3<&0 </dev/null\n"
              "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=$0 exec \"$@\"",
              name};
    argv.insert(argv.end(), program.begin(), program.end());
    return argv;
  }
  [[nodiscard]] Process::Streams streams() const { return {.in = socket_.get()}; }

  [[nodiscard]] const Fd& socket() const { return socket_; }

 private:
  Fd socket_;
};

}  // namespace hb::test
