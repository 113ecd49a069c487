// The end of an audit log file, which is all that must be read to continue it.
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
  std::string torn;              // what follows the last newline, after a crash during a write
  std::uint64_t size_bytes = 0;  // of the file
};

// Reads it from a descriptor. It is an Error if the last whole line does not match its hash.
[[nodiscard]] Result<AuditEnding> read_audit_ending(int fd, const std::string& path);

// The end of PATH.1, which an empty PATH continues. No such file: an empty chain.
[[nodiscard]] Result<ChainEnd> read_rotated_end(const AuditPlace& place);

// Moves the torn end of the file to PATH.torn-SEQ-TIME, and returns that path. It is not a record:
// append() had not returned, so the act that it describes had not been carried out.
[[nodiscard]] Result<std::string> set_torn_aside(const AuditPlace& place, AuditFile& file,
                                                 const AuditEnding& ending);

}  // namespace hb
