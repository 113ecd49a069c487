// NotifySocket: the sending end of the protocol of sd_notify(3), whose "Notes" say that it is
// stable and meant to be spoken without libsystemd.
//
// The socket is made and connected once, while the program is privileged, and never waited for:
// sd_notify() makes one for each message, which a sandbox forbids, and waits when any user fills
// the queue of the other side.
//
// One thread.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <span>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::keep {

class NotifySocket {
 public:
  // `name`: the value of NOTIFY_SOCKET, a path or "@" and an abstract name.
  [[nodiscard]] static Result<NotifySocket> connect_to(std::string_view name);

  // One message: assignments, one a line ("READY=1\nSTATUS=..."), with at most kMostDescriptors
  // (transport/descriptors.hpp). 0, or errno: EAGAIN when the queue of the other side is full.
  [[nodiscard]] int send(std::string_view state, std::span<const int> descriptors = {});

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  NotifySocket() = default;
  [[nodiscard]] int connect() const;

  Fd socket_;
  sockaddr_un address_{};
  socklen_t address_bytes_ = 0;
};

}  // namespace hb::keep
