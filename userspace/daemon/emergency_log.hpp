// Writes one log line and ends the process, without the logger and without destructors.
#pragma once

#include <string_view>

#include "daemon/exit_code.hpp"
#include "daemon/log.hpp"

namespace hb::daemon {

// Writes `message` to standard error in the format of the log, at level critical, and calls
// _exit(2) with `code`. Takes no lock and allocates nothing. If standard error is full, the line is
// lost; if writing blocks, SIGKILL ends the process one second later. `message` must not contain
// characters that JSON has to escape.
[[noreturn]] void end_with_line(const LogConfig& log, std::string_view message, ExitCode code);

}  // namespace hb::daemon
