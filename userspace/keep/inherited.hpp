// The descriptors that whoever started this process has passed to it: LISTEN_PID, LISTEN_FDS and
// LISTEN_FDNAMES (sd_listen_fds(3)), by systemd from its descriptor store or a socket unit, or by
// `hb-ebpf keep`.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "keep/descriptor_name.hpp"

namespace hb::keep {

// In the order in which they were passed, close-on-exec; "unknown" where no name came. Empty when
// none were passed, or to another process (LISTEN_PID). Fails when what was passed contradicts
// itself: a number or a name that is none, more than kMostKept, another number of names, one that
// is not open. Then those that are open are closed.
//
// Removes the three variables from the environment. Call it once, before there are threads and
// before anything else is opened.
[[nodiscard]] Result<std::vector<NamedFd>> take_inherited();

}  // namespace hb::keep
