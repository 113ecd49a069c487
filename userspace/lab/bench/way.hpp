// The ways of learning who sent a frame that are measured against each other.
#pragma once

#include <array>
#include <cstdint>

namespace hb::bench {

enum class Way : std::uint8_t {
  Raw,           // nobody asks: the claim is believed
  Procfs,        // SCM_CREDENTIALS and /proc
  KernelSocket,  // stamps paired with what the socket delivers
  KernelRing,    // the stamp carries the frame
};

inline constexpr std::array kWays = {Way::Raw, Way::Procfs, Way::KernelSocket, Way::KernelRing};

[[nodiscard]] constexpr const char* name(Way way) {
  switch (way) {
    case Way::Raw: return "raw";
    case Way::Procfs: return "procfs";
    case Way::KernelSocket: return "kernel-socket";
    case Way::KernelRing: return "kernel-ring";
  }
  return "";
}

[[nodiscard]] constexpr bool is_kernel(Way way) {
  return way == Way::KernelSocket || way == Way::KernelRing;
}

}  // namespace hb::bench
