// The paths that the run loop opens after the start: where its socket may have to be bound anew,
// what SIGHUP opens again, and what libraries look at.
#pragma once

#include "daemon/config.hpp"
#include "daemon/landlock.hpp"

namespace hb::daemon {

[[nodiscard]] OpenablePaths openable_paths(const RunConfig& options);

}  // namespace hb::daemon
