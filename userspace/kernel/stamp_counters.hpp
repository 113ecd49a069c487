// What the kernel program and the pairing have counted.
#pragma once

#include <cstdint>

#include "identity/correlator.hpp"
#include "stamp.h"

namespace hb::kernel {

// The kernel's side and ours. At rest attempts == stamps + the drops, and
// stamps == matched + orphaned + waiting.
struct StampCounters {
  hb_counters kernel;
  CorrelatorCounters correlator;
  std::uint64_t waiting = 0;    // stamps that neither frame nor time has claimed yet
  std::uint64_t malformed = 0;  // ring records of a wrong size or version, not counted as stamps
};

}  // namespace hb::kernel
