// Rotation: PATH becomes PATH.1, PATH.1 becomes PATH.2, and so on; PATH is a new file.
//
// Nothing is lost by a crash in the middle: an observer that finds PATH missing or empty goes on
// with the chain of PATH.1.
#pragma once

#include "audit/audit_file.hpp"
#include "base/result.hpp"

namespace hb {

// `file` is PATH; afterwards it is the new one, empty and locked, and the names are to be made to
// last by AuditPlace::sync(). After an Error it is what it was, under its name. At most `keep`
// (from 1) rotated files stay; the oldest is replaced only when the new file exists already.
[[nodiscard]] Result<> rotate(const AuditPlace& place, AuditFile& file, unsigned keep);

}  // namespace hb
