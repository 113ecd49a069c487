#include "lab/bench/descriptor_senders.hpp"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "transport/descriptors.hpp"

namespace hb::bench {
namespace {

constexpr int kBacklog = 16;
constexpr int kSmallBuffer_bytes = 4096;  // soon full
constexpr timeval kOften{0, 20'000};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = port;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

const sockaddr* as_sockaddr(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

template <typename T>
bool set(const Fd& socket, int option, const T& value) {
  return ::setsockopt(socket.get(), SOL_SOCKET, option, &value, sizeof(value)) == 0;
}

Fd tcp_socket() { return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

void send_until_full(const Fd& socket) {
  const std::array<std::byte, 65'536> data{};
  while (::send(socket.get(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
}

// EINTR does not end connecting: call it again, which returns EALREADY or EISCONN.
bool connects(const Fd& socket, const sockaddr_in& address) {
  while (::connect(socket.get(), as_sockaddr(address), sizeof(address)) != 0) {
    if (errno == EISCONN) return true;
    if (errno != EINTR && errno != EALREADY) return false;
  }
  return true;
}

}  // namespace

ssize_t send_descriptor(int socket, std::span<const std::uint8_t> bytes, int passed) {
  return send_with_descriptors(socket, std::as_bytes(bytes), {&passed, 1}, MSG_DONTWAIT);
}

Result<> interrupt_own_sleeps() {
  struct sigaction nothing {};
  nothing.sa_handler = [](int) {};
  const itimerval often{kOften, kOften};
  const bool failed = ::sigaction(SIGALRM, &nothing, nullptr) != 0 ||
                      ::setitimer(ITIMER_REAL, &often, nullptr) != 0;
  const int code = errno;
  if (failed) return os_error(code, "cannot interrupt its own sleeps");
  return ok();
}

Result<LingeringSockets> LingeringSockets::make() {
  Fd listener = tcp_socket();
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof(address);
  const bool listens =
      listener && set(listener, SO_RCVBUF, kSmallBuffer_bytes) &&
      ::bind(listener.get(), as_sockaddr(address), sizeof(address)) == 0 &&
      ::listen(listener.get(), kBacklog) == 0 &&
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0;
  const int code = errno;
  if (!listens) return os_error(code, "cannot listen on the loopback");
  return LingeringSockets(std::move(listener), address.sin_port);
}

Result<Fd> LingeringSockets::next() {
  Fd socket = tcp_socket();
  const sockaddr_in address = loopback(port_);
  const linger lingers{1, kLingers_s};
  const bool connected = socket && set(socket, SO_SNDBUF, kSmallBuffer_bytes) &&
                         set(socket, SO_LINGER, lingers) && connects(socket, address);
  int code = errno;
  if (!connected) return os_error(code, "cannot connect on the loopback");
  Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  code = errno;
  if (!peer) return os_error(code, "cannot accept a connection on the loopback");
  peers_.push_back(std::move(peer));
  if (peers_.size() > kMost) peers_.pop_front();
  send_until_full(socket);
  return socket;
}

}  // namespace hb::bench
