// A session of `run`: from a socket that nobody can reach yet to the last line of the stream.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "daemon/config.hpp"
#include "daemon/exit_code.hpp"
#include "daemon/signals.hpp"
#include "daemon/watchdog.hpp"
#include "intake/intake.hpp"
#include "observer/clock.hpp"
#include "recovery/signaller.hpp"

namespace hb::daemon {

// Opens what the options name, lets agents send, drops privileges, starts the watchdog, runs the
// loop and says the last words. The Error is for what could not be opened; nothing is left behind
// then. `signaller`: see RecoveryMember::start_signaller().
Result<ExitCode> observe(const RunConfig& options, Signals& signals, intake::Intake& intake,
                         std::unique_ptr<Signaller> signaller, const Clock& clock,
                         Watchdog& watchdog);

}  // namespace hb::daemon
