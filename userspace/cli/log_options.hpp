// --log-level, --log-format: flags of every subcommand.
#pragma once

#include "cli/cli11_fwd.hpp"
#include "daemon/log.hpp"

namespace hb::cli {

void add_log_options(CLI::App& app, daemon::LogConfig& config);

}  // namespace hb::cli
