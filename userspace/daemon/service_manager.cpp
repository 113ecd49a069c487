#include "daemon/service_manager.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "base/units.hpp"
#include "keep/variable.hpp"

namespace hb::daemon {
namespace {

std::uint64_t number(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

ServiceManager ServiceManager::take_from_environment() {
  ServiceManager manager;
  const auto name = keep::take_variable("NOTIFY_SOCKET");
  const auto watchdog_us = number(keep::take_variable("WATCHDOG_USEC"));
  const auto watched = keep::take_variable("WATCHDOG_PID");
  if (!name || name->empty()) return manager;
  auto connected = keep::NotifySocket::connect_to(*name);
  if (!connected) {
    spdlog::warn("{}: nobody is notified", connected.error().message);
    return manager;
  }
  manager.socket_ = std::move(connected).value();
  const bool is_about_us = !watched || number(watched) == static_cast<std::uint64_t>(::getpid());
  if (is_about_us) manager.watchdog_ns_ = watchdog_us * kNsPerUs;
  return manager;
}

bool ServiceManager::tell(std::string_view state) { return socket_ && socket_->send(state) == 0; }

}  // namespace hb::daemon
