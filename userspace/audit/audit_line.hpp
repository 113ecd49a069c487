// The bytes of the audit log.
//
// A record is one line of ASCII, a JSON object without blanks. Its first field is "seq", its last
// two are "prev" and "hash":
//
//   {"seq":7,"time":"2026-01-31T23:59:59.000000001Z",...,"prev":"<64 digits>","hash":"<64 digits>"}
//
// hash is the SHA-256 of the line's bytes from its { up to and without the last `,"hash":"`, in
// lower case hex; prev is the hash of the record before. So with nothing but a shell:
//
//   sed -n 7p FILE | sed 's/,"hash":"[0-9a-f]*"}$//' | tr -d '\n' | sha256sum
//
// seq counts from 1 and goes on over restarts and rotations; the prev of record 1 is 64 zeros.
// What is not known is null; what does not apply to a kind of record is left out. Bytes of strings
// that are no UTF-8 are written as U+FFFD.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "recovery/audit_trail.hpp"

namespace hb {

// With its newline. Longer lines are never written, and never read into memory either.
inline constexpr std::size_t kMaxAuditLine_bytes = 64 * 1024;
inline constexpr std::size_t kAuditHashDigits = 64;

// The end of a chain: what the next record is chained to. As constructed, of an empty chain.
struct ChainEnd {
  std::uint64_t seq = 0;
  std::string hash = std::string(kAuditHashDigits, '0');

  friend bool operator==(const ChainEnd&, const ChainEnd&) = default;
};

struct AuditTime {
  std::uint64_t wall_ns = 0;       // since 1970, UTC
  std::uint64_t monotonic_ns = 0;  // CLOCK_MONOTONIC

  [[nodiscard]] static AuditTime now();
};

struct ComposedLine {
  std::string text;  // with its newline
  ChainEnd end;      // of the chain, once the text is on disk
};

[[nodiscard]] ComposedLine compose_audit_line(const AuditRecord& record, const AuditTime& time,
                                              const ChainEnd& before);

// What can be wrong with a log.
enum class AuditFlaw : std::uint8_t {
  Unreadable,      // the file
  NoRecords,       // in any of the files
  LineTooLong,     // see kMaxAuditLine_bytes
  Torn,            // the file ends without a newline
  NotJson,         // nor UTF-8
  NotARecord,      // JSON, but without the fields above in their places
  HashMismatch,    // the line is not the one that was written
  RecordMissing,   // seq leaps
  RecordRepeated,  // seq stands still
  OutOfOrder,      // seq goes back
  PrevMismatch,    // the line follows another one than it did when it was written
  LastHashDiffers  // from the one that the caller knows
};

// "hash_mismatch", ...: the names of JSON lines.
[[nodiscard]] const char* name(AuditFlaw flaw);
[[nodiscard]] const char* name(AuditRecord::Kind kind);

struct ParsedLine {
  std::uint64_t seq = 0;
  std::string prev;
  std::string hash;
};

// `line` is without its newline. Of the flaws: NotJson, NotARecord, HashMismatch.
[[nodiscard]] std::variant<ParsedLine, AuditFlaw> parse_audit_line(std::string_view line);

[[nodiscard]] bool is_audit_hash(std::string_view text);

}  // namespace hb
