// The bytes of the audit log.
//
// A record is one line of ASCII, a JSON object without blanks. Its first field is "seq", its last
// two are "prev" and "hash":
//
//   {"seq":7,"time":"2026-01-31T23:59:59.000000001Z",...,"prev":"<64 digits>","hash":"<64 digits>"}
//
// hash is the SHA-256, in lower case hex, of the line's bytes before the last `,"hash":"`; prev is
// the hash of the record before. In a shell:
//
//   sed -n 7p FILE | sed 's/,"hash":"[0-9a-f]*"}$//' | tr -d '\n' | sha256sum
//
// seq counts from 1 and continues over restarts and rotations; the prev of record 1 is 64 zeros.
// What is not known is null; what does not apply to a kind of record is left out. Invalid UTF-8 in
// strings is written as U+FFFD.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/enum_values.hpp"
#include "recovery/audit_trail.hpp"

namespace hb {

// Including the newline. Longer lines are never written, nor read into memory.
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

// What others did to the file of a log while an observer had it open.
enum class AuditBreak : std::uint8_t {
  Truncated,  // it is shorter than what was written
  Replaced,   // the path names another file, or none
};

[[nodiscard]] constexpr const char* name(AuditBreak cause) {
  switch (cause) {
    case AuditBreak::Truncated: return "truncated";
    case AuditBreak::Replaced: return "replaced";
  }
  return kNoName;
}

// What a record of kind "resumed" tells: the records before it are not in its file any more. Its
// seq and prev follow the last one that was written.
struct AuditResumption {
  AuditBreak cause = AuditBreak::Truncated;
  std::uint64_t written_bytes = 0;  // the length that the file had
  std::uint64_t found_bytes = 0;    // of what is before this record in the file
};

[[nodiscard]] ComposedLine compose_resumption(const AuditResumption& resumption,
                                              const AuditTime& time, const ChainEnd& before);

// Why a log is not valid.
enum class AuditFlaw : std::uint8_t {
  Unreadable,      // the file
  NoRecords,       // in any of the files
  LineTooLong,     // see kMaxAuditLine_bytes
  Torn,            // the file ends without a newline
  NotJson,         // nor UTF-8
  NotARecord,      // JSON, but without seq, prev and hash at their positions
  HashMismatch,    // the line was changed
  RecordMissing,   // seq increases by more than 1
  RecordRepeated,  // seq does not increase
  OutOfOrder,      // seq decreases
  PrevMismatch,    // prev is not the hash of the line before
  LastHashDiffers  // from --expect-last
};

// "hash_mismatch", ...: the names in JSON output.
[[nodiscard]] const char* name(AuditFlaw flaw);
[[nodiscard]] const char* name(AuditRecord::Kind kind);

struct ParsedLine {
  std::uint64_t seq = 0;
  std::string prev;
  std::string hash;
  std::optional<AuditBreak> resumed_after;  // of a record of kind "resumed"
};

// `line` is without its newline. Of the flaws: NotJson, NotARecord, HashMismatch.
[[nodiscard]] std::variant<ParsedLine, AuditFlaw> parse_audit_line(std::string_view line);

[[nodiscard]] bool is_audit_hash(std::string_view text);

}  // namespace hb
