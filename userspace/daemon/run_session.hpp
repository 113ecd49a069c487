// A session of `run`: from the unbound socket, or a predecessor's, to the last line of the stream.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "daemon/config.hpp"
#include "daemon/exit_code.hpp"
#include "daemon/recovery_setup.hpp"
#include "daemon/service_manager.hpp"
#include "daemon/signals.hpp"
#include "daemon/succession.hpp"
#include "daemon/watchdog.hpp"
#include "intake/intake.hpp"
#include "observer/clock.hpp"
#include "publish/publisher.hpp"

namespace hb::daemon {

// Opens all that is configured, binds the socket, drops privileges, starts the watchdog, runs the
// loop and writes the last line. The Error says what could not be opened; everything is closed
// then. `prepared`: see prepare_recovery().
// `publisher`: nullptr where nothing is published.
Result<ExitCode> observe(const RunConfig& options, Signals& signals, intake::Intake& intake,
                         Succession& succession, PreparedRecovery prepared, const Clock& clock,
                         Watchdog& watchdog, ServiceManager& manager, Publisher* publisher);

}  // namespace hb::daemon
