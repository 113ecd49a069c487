#include "publish/http_address.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "report/host_text.hpp"

namespace hb {
namespace {

constexpr std::size_t kPortZero = 2;  // ":0"
constexpr int kBacklog = 64;

Result<> prepare(const Fd& socket, const UdpAddress& address) {
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.family() == AF_INET6) {
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  if (::bind(socket.get(), address.data(), address.size()) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    const int code = errno;
    return os_error(code, "--http-addr: cannot listen at " + address.text() +
                              " (choose another address or port; port 0 lets the kernel choose)");
  }
  return ok();
}

}  // namespace

Result<UdpAddress> parse_http_address(const std::string& ip_and_port) {
  if (!ip_and_port.ends_with(":0")) return UdpAddress::parse(ip_and_port);
  const std::string ip = ip_and_port.substr(0, ip_and_port.size() - kPortZero);
  const auto checked = UdpAddress::parse(ip + ":1");
  if (!checked) return checked.error();
  return UdpAddress::of(ip.front() == '[' ? ip.substr(1, ip.size() - 2) : ip, 0);
}

Result<Fd> listen_at(const UdpAddress& address) {
  Fd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int code = errno;
  if (!socket) return os_error(code, "--http-addr: cannot make a TCP socket");
  if (auto prepared = prepare(socket, address); !prepared) return prepared.error();
  return socket;
}

std::string address_of(const Fd& listening) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) return {};
  const std::string host(host_text(host_of(bound)).view());
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&bound);
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&bound);
  const bool is_v6 = bound.ss_family == AF_INET6;
  const auto port = std::to_string(ntohs(is_v6 ? v6->sin6_port : v4->sin_port));
  return is_v6 ? "[" + host + "]:" + port : host + ":" + port;
}

}  // namespace hb
