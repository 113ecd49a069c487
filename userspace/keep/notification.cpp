#include "keep/notification.hpp"

#include <algorithm>
#include <array>

namespace hb::keep {
namespace {

constexpr std::array<std::string_view, 5> kForwarded = {"READY=", "STATUS=", "WATCHDOG=1",
                                                        "RELOADING=", "MONOTONIC_USEC="};
constexpr std::string_view kName = "FDNAME=";

bool is_forwarded(std::string_view line) {
  return std::any_of(kForwarded.begin(), kForwarded.end(),
                     [&](std::string_view word) { return line.starts_with(word); });
}

void take(std::string_view line, Notification& told) {
  if (line == "FDSTORE=1") told.store = Notification::Store::Put;
  if (line == "FDSTOREREMOVE=1") told.store = Notification::Store::Remove;
  if (line.starts_with(kName)) told.name = line.substr(kName.size());
  if (line == "READY=1") told.is_ready = true;
  if (is_forwarded(line)) told.forwarded += std::string(line) + '\n';
}

}  // namespace

Notification parse_notification(std::string_view text) {
  Notification told;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    take(text.substr(0, end), told);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return told;
}

}  // namespace hb::keep
