#include "transport/udp_address.hpp"

#include <arpa/inet.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace hb {
namespace {

Error no_address(const std::string& text) {
  return Error{
      "'" + text + "' is not an IP address and a port, such as 127.0.0.1:4711 or [::1]:4711",
      EINVAL};
}

// 0: not a port.
std::uint16_t port_of(const std::string& text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  return parsed.ec == std::errc{} && parsed.ptr == end ? port : std::uint16_t{0};
}

}  // namespace

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

}  // namespace hb
