// RunStamp: what tells the lines of one run from those of another, where streams and files outlive
// a run whose own times begin at 0: an id, and the wall-clock time.
//
// The clock is read for each line, which costs no system call (vdso(7)), and not derived from the
// observer's own: so it follows a clock that is set.
#pragma once

#include <cstdint>
#include <string>

#include "observer/clock.hpp"

namespace hb {

struct RunStamp {
  std::string run;                           // letters and digits
  std::uint64_t (*unix_ns)() = hb::unix_ns;  // since 1970
};

// One that no other run has: 16 hexadecimal digits, by chance.
[[nodiscard]] RunStamp new_run();

}  // namespace hb
