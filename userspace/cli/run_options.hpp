// The flags of `hb-ebpf run`.
#pragma once

#include <memory>

#include "cli/cli11_fwd.hpp"
#include "daemon/config.hpp"

namespace hb::cli {

// Declares every flag, in groups; parsing fills what is returned.
[[nodiscard]] std::shared_ptr<daemon::RunConfig> declare_run_options(CLI::App& run);

// Throws CLI::ValidationError for flags that are right by themselves but not together.
void check_together(const daemon::RunConfig& config);

}  // namespace hb::cli
