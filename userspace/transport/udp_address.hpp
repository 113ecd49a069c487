// An IP address and a port. Only literals: no DNS lookups.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <variant>

#include "base/result.hpp"
#include "identity/host_address.hpp"

namespace hb {

class UdpAddress {
 public:
  // "127.0.0.1", "::1". The port is 1..65535.
  static Result<UdpAddress> of(const std::string& ip, std::uint16_t port);
  // With port 9 (discard). An IPv4-mapped address is the IPv4 address.
  static UdpAddress of(const HostAddress& host);
  // "127.0.0.1:4711", "[::1]:4711".
  static Result<UdpAddress> parse(const std::string& ip_and_port);

  [[nodiscard]] int family() const { return data()->sa_family; }
  [[nodiscard]] bool is_loopback() const;
  // As parse() reads it.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] const sockaddr* data() const;
  [[nodiscard]] socklen_t size() const;

 private:
  explicit UdpAddress(const sockaddr_in& address) : address_(address) {}
  explicit UdpAddress(const sockaddr_in6& address) : address_(address) {}

  std::variant<sockaddr_in, sockaddr_in6> address_;
};

// The address without the port. The unspecified address, which no host has but anybody may forge,
// becomes that of IPv4, as all zero bytes mean this host.
[[nodiscard]] HostAddress host_of(const sockaddr_storage& address);

}  // namespace hb
