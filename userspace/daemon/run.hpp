// `hb-ebpf run`, after the command line was parsed.
#pragma once

#include "daemon/config.hpp"
#include "daemon/exit_code.hpp"

namespace hb::daemon {

// Runs the observer until it ends. Errors have been logged.
[[nodiscard]] ExitCode run(RunConfig config);

}  // namespace hb::daemon
