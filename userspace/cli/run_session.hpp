// A session of `run`: from a socket that nobody can reach yet to the last line of the stream.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "cli/exit_code.hpp"
#include "cli/intake.hpp"
#include "cli/run_options.hpp"
#include "cli/signals.hpp"
#include "cli/watchdog.hpp"
#include "observer/clock.hpp"
#include "recovery/signaller.hpp"

namespace hb::cli {

// Opens what the options name, lets agents send, drops privileges, starts the watchdog, runs the
// loop and says the last words. The Error is for what could not be opened; nothing is left behind
// then. `signaller`: see RecoveryMember::start_signaller().
Result<ExitCode> observe(const RunOptions& options, Signals& signals, Intake& intake,
                         std::unique_ptr<Signaller> signaller, const Clock& clock,
                         Watchdog& watchdog);

}  // namespace hb::cli
