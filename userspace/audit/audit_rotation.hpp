// Rotation: PATH becomes PATH.1, PATH.1 becomes PATH.2, and so on; PATH is a new file.
//
// A crash in the middle loses nothing: if PATH is missing or empty, the chain of PATH.1 is
// continued.
#pragma once

#include "audit/audit_file.hpp"
#include "base/result.hpp"

namespace hb {

// `file` is PATH; afterwards it is the new file, empty and locked, and AuditPlace::sync() must be
// called. On an Error it is unchanged. At most `keep` (from 1) rotated files are kept; the oldest
// is replaced only when the new file exists.
[[nodiscard]] Result<> rotate(const AuditPlace& place, AuditFile& file, unsigned keep);

}  // namespace hb
