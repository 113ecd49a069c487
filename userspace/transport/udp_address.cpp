#include "transport/udp_address.hpp"

#include <arpa/inet.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace hb {
namespace {

Error no_address(const std::string& text) {
  return Error{
      "'" + text + "' is not an IP address and a port, such as 127.0.0.1:4711 or [::1]:4711",
      EINVAL};
}

constexpr std::size_t kScopeAt = HostAddress::kScopeAt;
constexpr std::size_t kIpv4At = HostAddress::kIpv4At;
constexpr std::uint16_t kDiscardPort = 9;

HostAddress mapped(const in_addr& v4) {
  HostAddress host;
  host.bytes[kIpv4At - 2] = host.bytes[kIpv4At - 1] = 0xff;
  std::memcpy(&host.bytes[kIpv4At], &v4, sizeof(v4));
  return host;
}

// 0: not a port.
std::uint16_t port_of(const std::string& text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  return parsed.ec == std::errc{} && parsed.ptr == end ? port : std::uint16_t{0};
}

}  // namespace

UdpAddress UdpAddress::of(const HostAddress& host) {
  sockaddr_in6 v6{};
  std::memcpy(&v6.sin6_addr, host.bytes.data(), sizeof(v6.sin6_addr));
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) != 0) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(kDiscardPort);
    std::memcpy(&v4.sin_addr, &host.bytes[kIpv4At], sizeof(v4.sin_addr));
    return UdpAddress(v4);
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(kDiscardPort);
  if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) != 0) {
    std::uint32_t scope = 0;
    std::memcpy(&scope, &v6.sin6_addr.s6_addr[kScopeAt], sizeof(scope));
    std::memset(&v6.sin6_addr.s6_addr[kScopeAt], 0, sizeof(scope));
    v6.sin6_scope_id = ntohl(scope);
  }
  return UdpAddress(v6);
}

// inet_pton(3) takes the plain forms only: no "127.1", no octal, no zone.
Result<UdpAddress> UdpAddress::of(const std::string& ip, std::uint16_t port) {
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return UdpAddress(v4);
  }
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return UdpAddress(v6);
  }
  return Error{"'" + ip + "' is not an IP address, such as 127.0.0.1 or ::1", EINVAL};
}

Result<UdpAddress> UdpAddress::parse(const std::string& ip_and_port) {
  const auto colon = ip_and_port.rfind(':');
  if (colon == std::string::npos) return no_address(ip_and_port);
  const std::uint16_t port = port_of(ip_and_port.substr(colon + 1));
  std::string ip = ip_and_port.substr(0, colon);
  const bool bracketed = ip.size() > 2 && ip.front() == '[' && ip.back() == ']';
  if (bracketed) ip = ip.substr(1, ip.size() - 2);
  auto address = of(ip, port);
  if (port == 0 || !address || bracketed != (address.value().family() == AF_INET6)) {
    return no_address(ip_and_port);
  }
  return address;
}

bool UdpAddress::is_loopback() const {
  constexpr std::uint32_t kLoopbackNet = 127;
  if (const auto* v4 = std::get_if<sockaddr_in>(&address_)) {
    return ntohl(v4->sin_addr.s_addr) >> 24 == kLoopbackNet;
  }
  return IN6_IS_ADDR_LOOPBACK(&std::get<sockaddr_in6>(address_).sin6_addr) != 0;
}

std::string UdpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> ip{};
  if (const auto* v4 = std::get_if<sockaddr_in>(&address_)) {
    ::inet_ntop(AF_INET, &v4->sin_addr, ip.data(), ip.size());
    return std::string(ip.data()) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  const auto& v6 = std::get<sockaddr_in6>(address_);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, ip.data(), ip.size());
  return "[" + std::string(ip.data()) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

const sockaddr* UdpAddress::data() const {
  return std::visit([](const auto& it) { return reinterpret_cast<const sockaddr*>(&it); },
                    address_);
}

socklen_t UdpAddress::size() const {
  return std::visit([](const auto& it) { return static_cast<socklen_t>(sizeof(it)); }, address_);
}

HostAddress host_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    return mapped(v4.sin_addr);
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof(v6));
  if (IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) != 0) return mapped({});
  HostAddress host;
  std::memcpy(host.bytes.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
  if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) != 0) {
    const std::uint32_t scope = htonl(v6.sin6_scope_id);
    std::memcpy(&host.bytes[kScopeAt], &scope, sizeof(scope));
  }
  return host;
}

}  // namespace hb
