#include "bench/connection.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "transport/unix_address.hpp"

namespace hb::bench {

Result<Connection> Connection::make(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  int code = errno;
  if (!socket) return os_error(code, "cannot make a socket");
  const auto* where = reinterpret_cast<const sockaddr*>(&address.value());
  const int refused = ::connect(socket.get(), where, sizeof(sockaddr_un));
  code = errno;
  if (refused != 0) return os_error(code, "cannot connect to " + path);
  return Connection(std::move(socket));
}

bool Connection::offer(const vlp::Bytes& frame) const {
  return ::send(fd_.get(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

bool Connection::send(const vlp::Bytes& frame) const {
  ssize_t sent = 0;
  do {
    sent = ::send(fd_.get(), frame.data(), frame.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

Result<std::vector<Connection>> connect_all(const std::vector<std::string>& paths) {
  std::vector<Connection> connections;
  for (const std::string& path : paths) {
    auto connection = Connection::make(path);
    if (!connection) return connection.error();
    connections.push_back(std::move(connection).value());
  }
  return connections;
}

}  // namespace hb::bench
