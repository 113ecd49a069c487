// A message of systemd's notify protocol, sd_notify(3): lines "VARIABLE=value", in a datagram.
//
// What a service manager would do with it is not done here, see README.md; so most variables are
// only counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/enum_values.hpp"
#include "base/units.hpp"

namespace hb::notify {

// What a line is.
enum class Assignment : std::uint8_t {
  Watchdog,         // WATCHDOG=1
  WatchdogTrigger,  // WATCHDOG=trigger
  WatchdogUsec,     // WATCHDOG_USEC=
  Ready,            // READY=1
  Stopping,         // STOPPING=1
  Reloading,        // RELOADING=1
  ExtendTimeout,    // EXTEND_TIMEOUT_USEC=
  Status,           // STATUS=
  Errno,            // ERRNO=
  Other,            // of another variable: MAINPID=, FDSTORE=1, BARRIER=1, unknown ones
  Malformed,        // no assignment, or its value is not one of the variable's
  Cut,              // the last line of a message that was too long
};

// The names in metrics.
[[nodiscard]] constexpr const char* name(Assignment assignment) {
  switch (assignment) {
    case Assignment::Watchdog: return "watchdog";
    case Assignment::WatchdogTrigger: return "watchdog_trigger";
    case Assignment::WatchdogUsec: return "watchdog_usec";
    case Assignment::Ready: return "ready";
    case Assignment::Stopping: return "stopping";
    case Assignment::Reloading: return "reloading";
    case Assignment::ExtendTimeout: return "extend_timeout_usec";
    case Assignment::Status: return "status";
    case Assignment::Errno: return "errno";
    case Assignment::Other: return "other";
    case Assignment::Malformed: return "malformed";
    case Assignment::Cut: return "cut";
  }
  return kNoName;
}

// A larger value, in WATCHDOG_USEC= or EXTEND_TIMEOUT_USEC=, is malformed.
inline constexpr std::uint64_t kMostTime_ns = 365 * 24 * 3600 * kNsPerSecond;

// Of several lines that set the same variable, the first counts.
struct Message {
  bool watchdog = false;
  bool trigger = false;
  bool ready = false;
  bool stopping = false;
  bool reloading = false;
  std::optional<std::uint64_t> watchdog_ns;  // 0: no watchdog
  std::optional<std::uint64_t> extend_ns;
  std::optional<std::uint32_t> error_number;
  std::string_view status;  // part of what was parsed; may have any byte but NUL and newline
  // How many lines of each kind there are.
  std::array<std::uint16_t, kEnumValues<Assignment>.size()> lines{};

  [[nodiscard]] std::uint16_t count(Assignment assignment) const {
    return lines[static_cast<std::size_t>(assignment)];
  }
};

// At most 64 KiB; `is_cut`: the text is only the beginning of the message, so its last line is not
// believed. As in systemd, a message with a NUL, but for one at its end, is malformed as a whole.
[[nodiscard]] Message parse(std::string_view text, bool is_cut);

}  // namespace hb::notify
