// Where the publisher serves HTTP: an IP address and a port, which may be 0 (the kernel chooses
// one).
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "transport/udp_address.hpp"

namespace hb {

// "127.0.0.1:9464", "[::1]:9464", "127.0.0.1:0".
[[nodiscard]] Result<UdpAddress> parse_http_address(const std::string& ip_and_port);

// A TCP socket that listens there, not blocking. "::" is IPv6 alone. The Error names the remedy.
[[nodiscard]] Result<Fd> listen_at(const UdpAddress& address);

// "127.0.0.1:9464": where the socket listens.
[[nodiscard]] std::string address_of(const Fd& listening);

}  // namespace hb
