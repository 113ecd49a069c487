// The flags of recovery.
#pragma once

#include "cli/cli11_fwd.hpp"
#include "daemon/config.hpp"

namespace hb::cli {

// --recovery-*, --audit-required, --shutdown-grace-ms.
void declare_recovery_options(CLI::App& run, daemon::RecoveryConfig& o);

// After parsing. Throws CLI::ValidationError where a flag of recovery is given for nothing: the
// operator would rely on it.
void check_recovery_options(const CLI::App& run, daemon::RecoveryConfig& o);

}  // namespace hb::cli
