// Verification of audit logs, for whoever does not trust them.
//
// What a chain without a key proves: whether the records between the first and the last one seen
// are, byte for byte and in their order, what one writer chained together. Any accident shows, and
// every edit by somebody who did not compute all hashes from there on anew. What it does not prove:
// that nobody did compute them anew, and that the chain does not go on where the file ends. Both
// show only against a hash that was kept elsewhere: the anchor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/audit_line.hpp"

namespace hb {

struct AuditFinding {
  AuditFlaw flaw;
  std::string file;
  std::uint64_t line;  // from 1; 0: the file as a whole
  std::string what;    // for a person
};

// AuditVerifier: files in, oldest first, as one chain; the first thing that is wrong comes out.
// After a finding it is not to be used on. Reads as a stream: memory is bounded, whatever the files
// are. One thread.
class AuditVerifier {
 public:
  // `anchor`: a hash to look out for; empty: none.
  explicit AuditVerifier(std::string anchor = {}) : anchor_(std::move(anchor)) {}

  std::optional<AuditFinding> check_file(const std::string& path);

  // After the last file: were there records, and is the anchor the last one's?
  [[nodiscard]] std::optional<AuditFinding> check_end() const;

  // Of what was good.
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::uint64_t first_seq() const { return first_seq_; }  // 0: none yet
  [[nodiscard]] const ChainEnd& end() const { return end_; }

  // One line without its newline: the heart of it, without files.
  std::optional<AuditFlaw> check_line(std::string_view line);

 private:
  [[nodiscard]] std::optional<AuditFlaw> check_chain(const ParsedLine& record) const;
  [[nodiscard]] std::string describe(AuditFlaw flaw) const;

  const std::string anchor_;
  std::optional<std::uint64_t> anchor_seq_;
  std::uint64_t records_ = 0;
  std::uint64_t first_seq_ = 0;
  std::uint64_t bad_seq_ = 0;  // of the line that breaks the chain
  std::string file_;           // the last one
  ChainEnd end_;
};

}  // namespace hb
