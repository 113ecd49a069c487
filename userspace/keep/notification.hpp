// What one message of sd_notify(3) says to a keeper.
#pragma once

#include <string>
#include <string_view>

namespace hb::keep {

struct Notification {
  enum class Store { Nothing, Put, Remove };

  Store store = Store::Nothing;
  std::string name = "stored";  // FDNAME; systemd's default
  bool is_ready = false;
  // What concerns the keeper's own service manager: READY, STATUS, WATCHDOG, RELOADING and its
  // instant. MAINPID, STOPPING and descriptors do not: the keeper is the main process, it goes on
  // when its child ends, and it stores by itself.
  std::string forwarded;
};

// Pure. Ignores what it does not know.
[[nodiscard]] Notification parse_notification(std::string_view text);

}  // namespace hb::keep
