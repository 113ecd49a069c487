#include "report/host_text.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstdint>
#include <cstring>

namespace hb {
namespace {

constexpr std::size_t kLongestScope = 1 + 10;  // "%4294967295"
static_assert(INET6_ADDRSTRLEN + kLongestScope <= sizeof(HostText::bytes));

HostText text_of(int family, const void* address) {
  HostText text;
  ::inet_ntop(family, address, text.bytes.data(), text.bytes.size());
  text.length = std::strlen(text.bytes.data());
  return text;
}

void append_scope(HostText& text, std::uint32_t scope) {
  text.bytes[text.length++] = '%';
  char* end = text.bytes.data() + text.bytes.size();
  const auto written = std::to_chars(text.bytes.data() + text.length, end, scope);
  text.length = static_cast<std::size_t>(written.ptr - text.bytes.data());
}

}  // namespace

HostText host_text(const HostAddress& host) {
  if (host.is_this_host()) return {};
  in6_addr v6{};
  std::memcpy(&v6, host.bytes.data(), sizeof(v6));
  if (IN6_IS_ADDR_V4MAPPED(&v6) != 0) return text_of(AF_INET, &v6.s6_addr[HostAddress::kIpv4At]);
  if (IN6_IS_ADDR_LINKLOCAL(&v6) == 0) return text_of(AF_INET6, &v6);
  std::uint32_t scope = 0;
  std::memcpy(&scope, &v6.s6_addr[HostAddress::kScopeAt], sizeof(scope));
  std::memset(&v6.s6_addr[HostAddress::kScopeAt], 0, sizeof(scope));
  HostText text = text_of(AF_INET6, &v6);
  append_scope(text, ntohl(scope));
  return text;
}

}  // namespace hb
