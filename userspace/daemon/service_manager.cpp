#include "daemon/service_manager.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "base/units.hpp"

namespace hb::daemon {
namespace {

std::optional<std::string> take(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr) return std::nullopt;
  std::string taken = value;
  ::unsetenv(variable);
  return taken;
}

std::uint64_t number(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

ServiceManager ServiceManager::take_from_environment() {
  ServiceManager manager;
  const auto name = take("NOTIFY_SOCKET");
  const auto watchdog_us = number(take("WATCHDOG_USEC"));
  const auto watched = take("WATCHDOG_PID");
  if (!name || name->empty()) return manager;
  manager.connect_to(*name);
  const bool is_about_us = !watched || number(watched) == static_cast<std::uint64_t>(::getpid());
  if (manager.is_there() && is_about_us) manager.watchdog_ns_ = watchdog_us * kNsPerUs;
  return manager;
}

// "@name" is an abstract socket.
void ServiceManager::connect_to(std::string_view name) {
  if (name.size() >= sizeof(address_.sun_path)) {
    spdlog::warn("NOTIFY_SOCKET is too long for a socket: nobody is notified");
    return;
  }
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, name.data(), name.size());
  const bool is_abstract = name.front() == '@';
  if (is_abstract) address_.sun_path[0] = '\0';
  address_bytes_ =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
  socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int code = socket_ ? connect() : errno;
  if (code == 0) return;
  socket_.reset();
  spdlog::warn("NOTIFY_SOCKET {}: {}: nobody is notified", name, std::strerror(code));
}

int ServiceManager::connect() const {
  const auto* to = reinterpret_cast<const sockaddr*>(&address_);
  return ::connect(socket_.get(), to, address_bytes_) == 0 ? 0 : errno;
}

// Refused: the other side has bound its socket anew.
bool ServiceManager::tell(std::string_view state) {
  if (!socket_) return false;
  const auto send = [&] {
    return ::send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL) >= 0 ? 0 : errno;
  };
  const int code = send();
  if (code != ECONNREFUSED && code != ENOTCONN) return code == 0;
  return connect() == 0 && send() == 0;
}

}  // namespace hb::daemon
