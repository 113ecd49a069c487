// Receiver: the observer's end of agents' beats, without an observer.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/fd.hpp"
#include "vlp/frame.hpp"

namespace hb::test {

class Receiver {
 public:
  explicit Receiver(std::string path) : path_(std::move(path)) { bind(); }

  // Another socket at the path. Returns the one that was there, which is open as long as it is
  // kept.
  Fd replace() {
    ::unlink(path_.c_str());
    Fd former = std::move(socket_);
    bind();
    return former;
  }

  // The next frame that waits; empty: there is none.
  std::optional<vlp::Frame> next() {
    vlp::Bytes bytes{};
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0) return std::nullopt;
    EXPECT_EQ(got, static_cast<ssize_t>(bytes.size()));
    const auto decoded = vlp::decode(bytes);
    const auto* frame = std::get_if<vlp::Frame>(&decoded);
    EXPECT_NE(frame, nullptr);
    return frame != nullptr ? std::optional(*frame) : std::nullopt;
  }

  std::vector<vlp::Frame> all() {
    std::vector<vlp::Frame> frames;
    while (const auto frame = next()) frames.push_back(*frame);
    return frames;
  }

 private:
  void bind() {
    socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const auto* at = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), at, sizeof(address)), 0);
  }

  const std::string path_;
  Fd socket_;
};

}  // namespace hb::test
