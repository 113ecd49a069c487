// The flags of `run` for metrics, health and status.
#pragma once

#include "cli/cli11_fwd.hpp"
#include "daemon/config.hpp"

namespace hb::cli {

void declare_publish_options(CLI::App& run, daemon::PublishConfig& options);

// What only several flags together can get wrong. Throws CLI::ValidationError.
void check_publish_options(const daemon::PublishConfig& options);

}  // namespace hb::cli
