// The clock of the stamps.
#pragma once

#include <time.h>

#include <cstdint>

#include "base/units.hpp"

namespace hb::test {

inline std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace hb::test
