#include "publish/status_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "observer/source.hpp"

namespace hb {

std::vector<int> StatusServer::writing_fds() const {
  std::vector<int> fds;
  for (const Client& client : clients_) {
    if (client.document) fds.push_back(client.socket.get());
  }
  return fds;
}

std::uint64_t StatusServer::wake_ns() const {
  return clients_.empty() ? Source::kNever : clients_.front().since_ns + kPatience_ns;
}

bool StatusServer::has_waiting() const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [](const Client& client) { return !client.document; });
}

void StatusServer::turn(std::uint64_t now_ns) {
  accept(now_ns);
  std::erase_if(clients_, [&](Client& client) { return is_done(client, now_ns); });
}

void StatusServer::accept(std::uint64_t now_ns) {
  for (std::size_t i = 0; i < kMostClients; ++i) {
    Fd socket(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) return;
    if (clients_.size() == kMostClients) clients_.pop_front();
    clients_.push_back({std::move(socket), now_ns, nullptr, 0});
  }
}

bool StatusServer::is_done(Client& client, std::uint64_t now_ns) {
  if (now_ns - client.since_ns >= kPatience_ns) return true;
  if (!client.document) client.document = make_(client.since_ns);
  if (!client.document) return false;
  while (client.sent < client.document->size()) {
    const ssize_t sent = ::send(client.socket.get(), client.document->data() + client.sent,
                                client.document->size() - client.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    const int code = errno;
    if (sent < 0 && code == EINTR) continue;
    if (sent < 0) return code != EAGAIN;
    client.sent += static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace hb
