// The ways of attestation that are compared.
#pragma once

#include <cstdint>

#include "base/enum_values.hpp"

namespace hb::bench {

enum class Way : std::uint8_t {
  Raw,           // no attestation: the claimed pid is taken as the sender
  Procfs,        // SCM_CREDENTIALS and /proc
  KernelSocket,  // --delivery socket
  KernelRing,    // --delivery ring
};

[[nodiscard]] constexpr const char* name(Way way) {
  switch (way) {
    case Way::Raw: return "raw";
    case Way::Procfs: return "procfs";
    case Way::KernelSocket: return "kernel-socket";
    case Way::KernelRing: return "kernel-ring";
  }
  return kNoName;
}

inline constexpr auto& kWays = kEnumValues<Way>;

[[nodiscard]] constexpr bool is_kernel(Way way) {
  return way == Way::KernelSocket || way == Way::KernelRing;
}

}  // namespace hb::bench
