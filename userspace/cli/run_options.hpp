// The flags of `hb-ebpf run`.
#pragma once

#include <memory>

#include "cli/cli11_fwd.hpp"
#include "daemon/config.hpp"

namespace hb::cli {

// Declares all flags, in groups; parsing fills the returned object.
[[nodiscard]] std::shared_ptr<daemon::RunConfig> declare_run_options(CLI::App& run);

// Checks combinations of flags. Throws CLI::ValidationError.
void check_together(const daemon::RunConfig& config);

}  // namespace hb::cli
