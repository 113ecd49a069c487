#include "keep/notify_socket.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "transport/descriptors.hpp"

namespace hb::keep {

// "@name" is an abstract socket.
Result<NotifySocket> NotifySocket::connect_to(std::string_view name) {
  NotifySocket made;
  if (name.empty()) return Error{"NOTIFY_SOCKET is empty", EINVAL};
  if (name.size() >= sizeof(made.address_.sun_path)) {
    return Error{"NOTIFY_SOCKET is too long for a socket", ENAMETOOLONG};
  }
  made.address_.sun_family = AF_UNIX;
  std::memcpy(made.address_.sun_path, name.data(), name.size());
  const bool is_abstract = name.front() == '@';
  if (is_abstract) made.address_.sun_path[0] = '\0';
  made.address_bytes_ =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
  made.socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int code = made.socket_ ? made.connect() : errno;
  if (code != 0) return os_error(code, "NOTIFY_SOCKET " + std::string(name));
  return made;
}

int NotifySocket::connect() const {
  const auto* to = reinterpret_cast<const sockaddr*>(&address_);
  return ::connect(socket_.get(), to, address_bytes_) == 0 ? 0 : errno;
}

// Refused: the other side has bound its socket anew.
int NotifySocket::send(std::string_view state, std::span<const int> descriptors) {
  const auto bytes = std::as_bytes(std::span(state.data(), state.size()));
  const auto once = [&] {
    return send_with_descriptors(socket_.get(), bytes, descriptors, 0) >= 0 ? 0 : errno;
  };
  int code = once();
  if (code == ECONNREFUSED || code == ENOTCONN) {
    code = connect();
    if (code == 0) code = once();
  }
  return code;
}

}  // namespace hb::keep
