// HostAddress: the IP address that a datagram from the network came from, or "this host".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hb {

struct HostAddress {
  // An IPv6 address, or an IPv4 address as one (::ffff:192.0.2.7), in network byte order. A
  // link-local one has its scope (the index of the interface) in bytes 4 to 7, which are 0 in the
  // address itself: two links may have hosts with the same one. All zero: this host.
  std::array<std::uint8_t, 16> bytes{};
  static constexpr std::size_t kScopeAt = 4;  // in network byte order too
  static constexpr std::size_t kIpv4At = 12;

  [[nodiscard]] bool is_this_host() const { return *this == HostAddress{}; }

  friend bool operator==(const HostAddress&, const HostAddress&) = default;
};

inline constexpr HostAddress kThisHost{};

// Interface: which addresses are this host's own.
class OwnAddresses {
 public:
  virtual ~OwnAddresses() = default;

  // `now_ns` does not decrease. False if it cannot be found out.
  virtual bool is_own(const HostAddress& address, std::uint64_t now_ns) = 0;
};

}  // namespace hb
