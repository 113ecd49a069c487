// The flags of recovery: what is done on a stall, and what keeps it from being done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/cli11_fwd.hpp"
#include "recovery/act_budget.hpp"
#include "recovery/command_line.hpp"

namespace hb::cli {

struct RecoveryOptions {
  std::optional<CommandLine> command;  // at most one of these two; neither: no recovery
  std::optional<int> signal;

  std::uint64_t debounce_ms = 1000;
  ActBudget::Config budget;
  std::optional<ActBudget::Config> budget_per_uid;  // unset: a quarter of it
  std::optional<std::uint64_t> startup_grace_ms;    // unset: one threshold
  bool dry_run = false;
  bool audit_required = false;
  bool accept_unauthenticated = false;

  // Of a command.
  bool require_same_uid = false;
  std::uint64_t timeout_ms = 10'000;
  std::uint64_t shutdown_grace_ms = 5'000;
  std::uint64_t output_bytes = 4096;
  std::vector<std::string> environment;

  [[nodiscard]] bool is_on() const { return command || signal; }
};

// --recovery-*, --audit-required, --shutdown-grace-ms.
void declare_recovery_options(CLI::App& run, RecoveryOptions& o);

// After parsing. Throws CLI::ValidationError where a flag of recovery is given for nothing: the
// operator would rely on it.
void check_recovery_options(const CLI::App& run, RecoveryOptions& o);

}  // namespace hb::cli
