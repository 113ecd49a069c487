// Where the audit log is, and how much of it is kept.
#pragma once

#include "cli/cli11_fwd.hpp"
#include "recovery/audit_log.hpp"

namespace hb::cli {

// An empty path: no audit log.
using AuditOptions = AuditConfig;

// --recovery-audit-file, --audit-max-bytes, --audit-keep.
void declare_audit_options(CLI::App& run, AuditOptions& options);

}  // namespace hb::cli
