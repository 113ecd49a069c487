// `hb-ebpf run`, once the command line is understood.
#pragma once

#include "daemon/config.hpp"
#include "daemon/exit_code.hpp"

namespace hb::daemon {

// From the first signal handler to the last line. What goes wrong has been logged.
[[nodiscard]] ExitCode run(const RunConfig& config);

}  // namespace hb::daemon
