// FakeStatusSocket: an observer's status socket of the test's own, served by a thread.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "transport/unix_address.hpp"

namespace hb::test {

class FakeStatusSocket {
 public:
  // Answers whoever connects with `text`.
  FakeStatusSocket(std::string path, std::string text)
      : path_(std::move(path)), text_(std::move(text)), thread_([this] { serve(); }) {}
  FakeStatusSocket(const FakeStatusSocket&) = delete;
  FakeStatusSocket& operator=(const FakeStatusSocket&) = delete;
  ~FakeStatusSocket() {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(stop_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
    thread_.join();
    ::unlink(path_.c_str());
  }

  void answer(const std::string& text) {
    const std::lock_guard lock(mutex_);
    text_ = text;
    is_hanging_ = false;
  }

  // From now on connections are accepted and nothing comes.
  void hang() {
    const std::lock_guard lock(mutex_);
    is_hanging_ = true;
  }

  [[nodiscard]] int connections() const { return connections_; }

 private:
  Fd listen() {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = unix_address(path_).value();
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(fd.get(), 16), 0);
    return fd;
  }

  void serve() {
    for (;;) {
      pollfd polled[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      ::poll(polled, 2, -1);
      if (polled[1].revents != 0) return;
      Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      ++connections_;
      tell(std::move(connection));
    }
  }

  void tell(Fd connection) {
    const std::lock_guard lock(mutex_);
    if (is_hanging_) {
      hanging_.push_back(std::move(connection));
      return;
    }
    for (std::size_t sent = 0; sent < text_.size();) {
      const ssize_t length =
          ::send(connection.get(), text_.data() + sent, text_.size() - sent, MSG_NOSIGNAL);
      if (length <= 0) return;
      sent += static_cast<std::size_t>(length);
    }
  }

  const std::string path_;
  std::mutex mutex_;
  std::string text_;
  bool is_hanging_ = false;
  std::vector<Fd> hanging_;
  std::atomic<int> connections_{0};
  const Fd stop_{::eventfd(0, EFD_CLOEXEC)};
  const Fd listener_ = listen();
  std::thread thread_;
};

}  // namespace hb::test
