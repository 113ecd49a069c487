// The ways of learning who sent a frame that are measured against each other.
#pragma once

#include <cstdint>

#include "base/enum_values.hpp"

namespace hb::bench {

enum class Way : std::uint8_t {
  Raw,           // nobody asks: the claim is believed
  Procfs,        // SCM_CREDENTIALS and /proc
  KernelSocket,  // stamps paired with what the socket delivers
  KernelRing,    // the stamp carries the frame
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
