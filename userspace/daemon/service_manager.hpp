// ServiceManager: tells systemd, or whoever else gave us NOTIFY_SOCKET, how the program is doing
// (sd_notify(3), "Notes": the protocol is stable and meant to be spoken without libsystemd).
//
// The socket is made and connected once, while the program is privileged, and never waited for:
// sd_notify() makes one for each message, which a sandbox forbids, and waits when any user fills
// the queue of the other side.
//
// One thread.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string_view>

#include "base/fd.hpp"

namespace hb::daemon {

class ServiceManager {
 public:
  // Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, as they are not
  // for what we start. A socket that cannot be connected is logged, and nobody is told anything.
  // Call before there are threads.
  static ServiceManager take_from_environment();

  [[nodiscard]] bool is_there() const { return static_cast<bool>(socket_); }
  // WATCHDOG=1 is expected at least so often; 0: not at all.
  [[nodiscard]] std::uint64_t watchdog_ns() const { return watchdog_ns_; }

  // `state`: assignments, one a line ("READY=1\nSTATUS=..."). False: it could not be told now.
  bool tell(std::string_view state);

 private:
  ServiceManager() = default;
  void connect_to(std::string_view name);
  [[nodiscard]] int connect() const;

  Fd socket_;
  sockaddr_un address_{};
  socklen_t address_bytes_ = 0;
  std::uint64_t watchdog_ns_ = 0;
};

}  // namespace hb::daemon
