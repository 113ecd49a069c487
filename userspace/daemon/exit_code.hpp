// The exit codes. Part of the contract: never renumbered.
#pragma once

namespace hb::daemon {

enum class ExitCode : int {
  Success = 0,
  Failed = 1,           // it ran and failed
  Usage = 2,            // bad usage or configuration
  Unavailable = 3,      // kernel attestation is not available here
  StrictNamespace = 4,  // --strict-namespace-check: an agent of another PID namespace
  Stuck = 5,            // the loop did not turn (--self-watchdog-ms)
};

}  // namespace hb::daemon
