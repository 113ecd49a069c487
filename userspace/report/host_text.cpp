#include "report/host_text.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

namespace hb {
namespace {

constexpr std::size_t kScopeAt = 4;
constexpr std::size_t kIpv4At = 12;

std::string text(int family, const void* bytes) {
  std::array<char, INET6_ADDRSTRLEN> ip{};
  ::inet_ntop(family, bytes, ip.data(), ip.size());
  return ip.data();
}

}  // namespace

std::string host_text(const HostAddress& host) {
  if (host.is_this_host()) return "";
  in6_addr v6{};
  std::memcpy(&v6, host.bytes.data(), sizeof(v6));
  if (IN6_IS_ADDR_V4MAPPED(&v6) != 0) return text(AF_INET, &v6.s6_addr[kIpv4At]);
  if (IN6_IS_ADDR_LINKLOCAL(&v6) == 0) return text(AF_INET6, &v6);
  std::uint32_t scope = 0;
  std::memcpy(&scope, &v6.s6_addr[kScopeAt], sizeof(scope));
  std::memset(&v6.s6_addr[kScopeAt], 0, sizeof(scope));
  return text(AF_INET6, &v6) + "%" + std::to_string(ntohl(scope));
}

}  // namespace hb
