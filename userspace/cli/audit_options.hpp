// Where the audit log is, and how much of it is kept.
#pragma once

#include "audit/audit_log.hpp"
#include "cli/cli11_fwd.hpp"

namespace hb::cli {

// --recovery-audit-file, --audit-max-bytes, --audit-keep.
void declare_audit_options(CLI::App& run, AuditConfig& config);

}  // namespace hb::cli
