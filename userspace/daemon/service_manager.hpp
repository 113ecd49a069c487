// ServiceManager: tells systemd, or whoever else gave us NOTIFY_SOCKET, how the program is doing
// (sd_notify(3)).
//
// One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "keep/notify_socket.hpp"

namespace hb::daemon {

class ServiceManager {
 public:
  // Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, as they are not
  // for what we start. A socket that cannot be connected is logged, and nobody is told anything.
  // Call before there are threads.
  static ServiceManager take_from_environment();

  [[nodiscard]] bool is_there() const { return socket_.has_value(); }
  // WATCHDOG=1 is expected at least so often; 0: not at all.
  [[nodiscard]] std::uint64_t watchdog_ns() const { return watchdog_ns_; }

  // For a DescriptorStore; only where somebody is there.
  [[nodiscard]] keep::NotifySocket& socket() { return *socket_; }

  // `state`: assignments, one a line ("READY=1\nSTATUS=..."). False: it could not be told now.
  bool tell(std::string_view state);

 private:
  ServiceManager() = default;

  std::optional<keep::NotifySocket> socket_;
  std::uint64_t watchdog_ns_ = 0;
};

}  // namespace hb::daemon
