// A session of `run`: from a socket that nobody can reach yet to the last line of the stream.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "daemon/config.hpp"
#include "daemon/exit_code.hpp"
#include "daemon/recovery_member.hpp"
#include "daemon/signals.hpp"
#include "daemon/watchdog.hpp"
#include "intake/intake.hpp"
#include "observer/clock.hpp"

namespace hb::daemon {

// Opens what the options name, lets agents send, drops privileges, starts the watchdog, runs the
// loop and says the last words. The Error is for what could not be opened; nothing is left behind
// then. `helpers`: see RecoveryMember::start_helpers().
Result<ExitCode> observe(const RunConfig& options, Signals& signals, intake::Intake& intake,
                         RecoveryMember::Helpers helpers, const Clock& clock, Watchdog& watchdog);

}  // namespace hb::daemon
