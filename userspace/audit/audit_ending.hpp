// How a file of the audit log ends: all that has to be read of it to go on with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "audit/audit_file.hpp"
#include "audit/audit_line.hpp"
#include "base/result.hpp"

namespace hb {

struct AuditEnding {
  std::optional<ChainEnd> last;  // none: the file has no whole record
  std::string torn;  // what is behind its last newline: a crash came while it was written
};

// Of a descriptor open for reading. A last whole line that is not as it was written is an Error.
[[nodiscard]] Result<AuditEnding> read_audit_ending(int fd, const std::string& path);

// Of PATH.1, where the chain of an empty PATH goes on. No such file: an empty chain.
[[nodiscard]] Result<ChainEnd> read_rotated_end(const AuditPlace& place);

// Moves the torn end of the file into a file of its own, PATH.torn-SEQ-TIME, whose path it returns.
// It is no record: append() had not returned, so nothing that it tells of had been done.
[[nodiscard]] Result<std::string> set_torn_aside(const AuditPlace& place, AuditFile& file,
                                                 const AuditEnding& ending);

}  // namespace hb
