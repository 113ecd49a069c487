// AttestedSocket: the kernel program on a datagram socket that children of a test can reach, and
// its ring, read raw. What the tests of this tier look at is the stamps themselves.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "kernel/stamp_program.hpp"
#include "tests/support/own_network.hpp"

namespace hb::test {

inline sockaddr_un abstract_address(const std::string& name, socklen_t* length) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  *length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

inline kernel::Config by_ring() {
  kernel::Config config;
  config.delivery = kernel::Delivery::Ring;
  return config;
}

class AttestedSocket {
 public:
  explicit AttestedSocket(const kernel::Config& config = {})
      : name_("hb-test-" + std::to_string(::getpid())) {
    if (!network_.is_made())
      throw std::runtime_error("no network namespace of its own: needs root");
    auto opened = kernel::StampProgram::open(config);
    if (!opened) throw std::runtime_error(opened.error().message);
    program_ = std::move(opened).value();
    fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto attached = program_->attach(fd_.get());
    if (!attached) throw std::runtime_error(attached.error().message);
    socklen_t length = 0;
    const sockaddr_un address = abstract_address(name_, &length);
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
      throw std::runtime_error("bind");
    }
  }

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] kernel::StampProgram& program() { return *program_; }

  // A socket connected to this one; survives exec, for tests that send through a shell.
  [[nodiscard]] Fd connected() const {
    Fd sender(::socket(AF_UNIX, SOCK_DGRAM, 0));
    socklen_t length = 0;
    const sockaddr_un address = abstract_address(name_, &length);
    if (::connect(sender.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
      throw std::runtime_error("connect");
    }
    return sender;
  }

  // As when the observer is killed while somebody keeps its socket.
  void lose_program() { program_.reset(); }

  // As when its owner ends: connected senders keep it, and the program on it.
  void close() { fd_.reset(); }

  std::vector<hb_stamp> stamps() {
    std::vector<hb_stamp> read;
    program_->ring().drain([&](std::span<const std::byte> record) {
      if (const auto stamp = kernel::record_as<hb_stamp>(record)) read.push_back(*stamp);
    });
    return read;
  }

  // How many datagrams wait; takes them out.
  std::size_t received() {
    std::size_t count = 0;
    char bytes[HB_FRAME_BYTES];
    while (::recv(fd_.get(), bytes, sizeof(bytes), MSG_DONTWAIT) >= 0) count++;
    return count;
  }

 private:
  const OwnNetwork network_;  // else its queue would be as long as the host says
  const std::string name_;
  std::unique_ptr<kernel::StampProgram> program_;
  Fd fd_;
};

}  // namespace hb::test
