#include "lab/bench/connection.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "transport/unix_connection.hpp"

namespace hb::bench {

Result<Connection> Connection::make(const std::string& path) {
  auto socket = connect_unix(path);
  if (!socket) return socket.error();
  return Connection(std::move(socket).value());
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
