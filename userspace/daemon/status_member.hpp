// StatusMember: gives the path of the status socket to a new socket where it is lost, as
// ReachMember does for the agents'. Looks once a second, by one system call, when the loop turns
// anyway; what cannot be bound is logged, and tried again each second.
//
// Owns the socket's file; who accepts is the publisher. A member of the run loop: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "daemon/loop_member.hpp"
#include "publish/publisher.hpp"
#include "transport/unix_stream_listener.hpp"

namespace hb::daemon {

class StatusMember final : public LoopMember {
 public:
  // Without a socket it does nothing; with one, there is a publisher, which is borrowed.
  StatusMember(Publisher* publisher, std::unique_ptr<UnixStreamListener> socket, std::string path)
      : publisher_(publisher), socket_(std::move(socket)), path_(std::move(path)) {}

  void handle(const Event&) override {}
  void tick(std::uint64_t now_ns) override;

  // Removes the file.
  Result<> withdraw() { return socket_ ? socket_->withdraw() : ok(); }

 private:
  [[nodiscard]] bool is_served() const { return socket_ && !publisher_->is_lost(); }
  Result<> bind_anew();

  Publisher* const publisher_;
  const std::unique_ptr<UnixStreamListener> socket_;
  const std::string path_;
  std::uint64_t checked_ns_ = 0;
  std::string problem_;  // why it cannot be bound, as logged
};

}  // namespace hb::daemon
