// A listener and an agent within one process; needs no privilege.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/connected.hpp"
#include "tests/support/control_message.hpp"
#include "tests/support/process.hpp"
#include "transport/unix_address.hpp"
#include "transport/unix_agent.hpp"
#include "transport/unix_listener.hpp"

namespace hb::test {

using Kind = Datagram::Kind;

inline std::vector<std::uint8_t> bytes(std::size_t count) {
  return std::vector<std::uint8_t>(count, 'x');
}

class Transport : public ::testing::Test {
 protected:
  Result<> bind(const std::string& path, mode_t mode = 0600) {
    auto opened = UnixListener::open();
    if (!opened) return opened.error();
    listener_ = std::move(opened).value();
    return listener_->bind({path, mode, std::nullopt});
  }

  void bind_well() {
    const auto bound = bind(path_);
    ASSERT_TRUE(bound) << bound.error().message;
  }

  bool knows_pass_rights() const {
    int passes = 0;
    socklen_t size = sizeof(passes);
    return ::getsockopt(listener_->fd(), SOL_SOCKET, UnixListener::kPassRights, &passes, &size) ==
           0;
  }

  // Where a datagram with a descriptor is queued.
  void bind_as_on_old_kernels() {
    bind_well();
    const int on = 1;
    ::setsockopt(listener_->fd(), SOL_SOCKET, UnixListener::kPassRights, &on, sizeof(on));
  }

  // What SIGKILL leaves: a socket file and a lock file without a process.
  void leave_stale_socket() {
    Child::run([&] {
      bind_well();
      ::kill(::getpid(), SIGKILL);
    }).wait();
  }

  std::string refusal(const std::string& path) {
    const auto bound = bind(path);
    return bound ? "" : bound.error().message;
  }

  bool send(std::size_t length) {
    const auto sent = agent_.send(bytes(length));
    return sent && sent.value() == UnixAgent::Outcome::Queued;
  }

  Fd raw_sender() { return connected_to(path_); }

  bool send_with_descriptors(int sender, std::size_t length, int count) {
    const std::vector<int> passed(static_cast<std::size_t>(count), STDERR_FILENO);
    const std::vector<std::uint8_t> data = bytes(length);
    return test::send_with_descriptors(sender, data.data(), data.size(), passed) >= 0;
  }

  // What waits, at most a batch of it.
  std::span<const Datagram> receive() {
    const auto received = listener_->receive(batch_);
    EXPECT_TRUE(received);
    return {batch_.data(), received ? received.value() : 0};
  }

  Kind receive_one() {
    const auto received = receive();
    EXPECT_EQ(received.size(), 1U);
    return received.empty() ? Kind::NoCredentials : received[0].kind;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("hb.sock");
  std::unique_ptr<UnixListener> listener_;
  UnixAgent agent_{path_};
  std::array<Datagram, UnixListener::kMaxBatch> batch_;
};

}  // namespace hb::test
