// Verification of audit logs.
//
// A hash chain without a key proves that the records between the first and the last are, byte for
// byte and in order, what one writer wrote, unless somebody recomputed all hashes from a change on.
// It does not detect such a recomputation, nor that records were cut off at the end. Both are
// detected only by comparison with a hash that was stored elsewhere: the anchor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/audit_line.hpp"

namespace hb {

struct AuditFinding {
  AuditFlaw flaw;
  std::string file;
  std::uint64_t line;  // from 1; 0: the file as a whole
  std::string what;    // the message
};

// A record of kind "resumed": see AuditResumption.
struct AuditResumed {
  std::uint64_t seq;
  AuditBreak cause;
};

// AuditVerifier: checks files, oldest first, as one chain, and returns the first flaw. Do not use
// it after a finding. Memory is bounded, whatever the size of the files. One thread.
class AuditVerifier {
 public:
  // `anchor`: the expected hash of the last record; empty: not checked.
  explicit AuditVerifier(std::string anchor = {}) : anchor_(std::move(anchor)) {}

  std::optional<AuditFinding> check_file(const std::string& path);

  // After the last file: checks that there were records, and the anchor.
  [[nodiscard]] std::optional<AuditFinding> check_end() const;

  // Of the valid records.
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::uint64_t first_seq() const { return first_seq_; }  // 0: none yet
  [[nodiscard]] const ChainEnd& end() const { return end_; }

  // The first of the valid records of kind "resumed".
  static constexpr std::size_t kMaxResumed = 100;
  [[nodiscard]] const std::vector<AuditResumed>& resumed() const { return resumed_; }

  // Checks one line, without its newline.
  std::optional<AuditFlaw> check_line(std::string_view line);

 private:
  [[nodiscard]] std::optional<AuditFlaw> check_chain(const ParsedLine& record) const;
  [[nodiscard]] std::string describe(AuditFlaw flaw) const;

  const std::string anchor_;
  std::optional<std::uint64_t> anchor_seq_;
  std::uint64_t records_ = 0;
  std::uint64_t first_seq_ = 0;
  std::uint64_t bad_seq_ = 0;                    // of the line that breaks the chain
  std::optional<AuditBreak> bad_resumed_after_;  // of that line
  std::vector<AuditResumed> resumed_;
  std::string file_;  // the last one
  ChainEnd end_;
};

}  // namespace hb
