// The last line of a process that cannot end in an orderly way.
#pragma once

#include <string_view>

#include "daemon/exit_code.hpp"
#include "daemon/log.hpp"

namespace hb::daemon {

// Writes `message` to standard error as the log would at level critical, and ends the process with
// `code`, whatever its other threads are doing. Takes no lock and allocates nothing. Standard error
// that takes nothing costs the line, not the end; where writing to it hangs, SIGKILL ends the
// process a second later. `message` has nothing in it that JSON would have to quote.
[[noreturn]] void end_with_line(const LogConfig& log, std::string_view message, ExitCode code);

}  // namespace hb::daemon
