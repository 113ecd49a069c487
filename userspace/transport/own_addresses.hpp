// KernelOwnAddresses: asks the kernel's routing tables whether an address is this host's own, in
// the network namespace in which it was opened.
//
// A socket is connected to the address. Only to an address of its own does the kernel choose that
// same address as the source (the local table in ip-rule(8) comes first). Nothing is sent, and no
// privilege is needed. An answer holds for kHolds_ns, as addresses come and go; loopback addresses
// are always own.
//
// Owns its sockets. One thread. Neither blocks nor allocates after open(): three system calls for
// an address that it has not been asked about lately.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "identity/host_address.hpp"

namespace hb {

class KernelOwnAddresses final : public OwnAddresses {
 public:
  static constexpr std::uint64_t kHolds_ns = 1'000'000'000;

  // The Error is that of socket(2). A host without IPv6 has no IPv6 addresses.
  static Result<KernelOwnAddresses> open();

  // False also where the kernel does not say: a pid of another host is never acted upon.
  bool is_own(const HostAddress& address, std::uint64_t now_ns) override;

 private:
  static constexpr std::size_t kKept = 256;

  struct Answer {
    HostAddress address;
    std::uint64_t until_ns = 0;
    bool is_own = false;
  };

  KernelOwnAddresses(Fd v4, Fd v6) : v4_(std::move(v4)), v6_(std::move(v6)) {}

  [[nodiscard]] bool ask(const HostAddress& address) const;

  Fd v4_;
  Fd v6_;                             // closed: no IPv6 here
  std::array<Answer, kKept> kept_{};  // by the last byte of the address
};

}  // namespace hb
