// Which addresses are this host's own: asked of the kernel, in a network of the test's.
#include "transport/own_addresses.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>

#include "transport/udp_address.hpp"

namespace hb::test {
namespace {

HostAddress host(const std::string& ip) {
  const UdpAddress address = UdpAddress::of(ip, 1).value();
  sockaddr_storage bytes{};
  std::memcpy(&bytes, address.data(), address.size());
  return host_of(bytes);
}

bool is_own(const std::string& ip) {
  auto own = KernelOwnAddresses::open();
  EXPECT_TRUE(own) << own.error().message;
  return own.value().is_own(host(ip), 0);
}

TEST(OwnAddresses, AreAllOfLoopback) {
  EXPECT_TRUE(is_own("127.0.0.1"));
  EXPECT_TRUE(is_own("127.1.2.3"));
  EXPECT_TRUE(is_own("::1"));
}

TEST(OwnAddresses, AreNotThoseOfOthers) {
  EXPECT_FALSE(is_own("192.0.2.7"));
  EXPECT_FALSE(is_own("2001:db8::7"));
  EXPECT_FALSE(is_own("0.0.0.0"));
  EXPECT_FALSE(is_own("255.255.255.255"));
}

TEST(HostOf, AnIpv4AddressIsTheOneThatIpv6MapsItTo) {
  EXPECT_EQ(host("192.0.2.7"), host("::ffff:192.0.2.7"));
  EXPECT_FALSE(host("192.0.2.7") == host("192.0.2.8"));
}

// All zero bytes mean this host, and anybody can send from "::".
TEST(HostOf, TheUnspecifiedAddressIsNotThisHost) {
  EXPECT_FALSE(host("::").is_this_host());
  EXPECT_FALSE(host("0.0.0.0").is_this_host());
  EXPECT_FALSE(is_own("::"));
}

TEST(HostOf, ALinkLocalAddressIsAnotherOneOnAnotherLink) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  ::inet_pton(AF_INET6, "fe80::7", &v6.sin6_addr);
  const auto on_link = [&](std::uint32_t index) {
    v6.sin6_scope_id = index;
    sockaddr_storage bytes{};
    std::memcpy(&bytes, &v6, sizeof(v6));
    return host_of(bytes);
  };
  EXPECT_FALSE(on_link(2) == on_link(3));
  EXPECT_EQ(on_link(2), on_link(2));
}

}  // namespace
}  // namespace hb::test
