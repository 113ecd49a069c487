// A whole audit log: the verifier gives the same result for the file as for its lines one by one,
// and an observer that continues the file finds the same end.
#include <string>
#include <vector>

#include "audit/audit_ending.hpp"
#include "audit/audit_verify.hpp"
#include "tests/fuzz/audit_seal.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/memory_file.hpp"

namespace hb::fuzz {
namespace {

using Lines = std::vector<std::string>;

// Without their newlines; what is behind the last newline is no line.
Lines lines_of(std::string_view text) {
  Lines lines;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

// The first line that is wrong, and what is; 0 and nothing when all of them are good.
struct Verdict {
  std::uint64_t line = 0;
  std::optional<AuditFlaw> flaw;

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

Verdict verdict_by_lines(AuditVerifier& verifier, std::string_view text) {
  std::uint64_t number = 0;
  for (const auto& line : lines_of(text)) {
    ++number;
    if (line.size() >= kMaxAuditLine_bytes) return {number, AuditFlaw::LineTooLong};
    if (const auto flaw = verifier.check_line(line)) return {number, flaw};
  }
  const auto torn = text.size() - (text.rfind('\n') + 1);
  if (torn >= kMaxAuditLine_bytes) return {number + 1, AuditFlaw::LineTooLong};
  if (torn > 0) return {number + 1, AuditFlaw::Torn};
  return {};
}

Verdict verdict_by_file(AuditVerifier& verifier, const MemoryFile& file) {
  const auto finding = verifier.check_file(file.path());
  if (!finding) return {};
  require(finding->file == file.path() && !finding->what.empty(), "a finding says where and what");
  return {finding->line, finding->flaw};
}

// What the verifier calls good, said a second time.
void check_chain(std::string_view text) {
  std::optional<ParsedLine> before;
  for (const auto& line : lines_of(text)) {
    const auto record = std::get<ParsedLine>(parse_audit_line(line));
    const ChainEnd end = before ? ChainEnd{before->seq, before->hash} : ChainEnd{};
    require(!before || record.seq == end.seq + 1, "the records of a good log are all there");
    require(before || (record.seq == 1) == (record.prev == end.hash), "only record 1 follows none");
    require(!before || record.prev == end.hash, "each record follows the one before");
    before = record;
  }
}

// The ending is looked at alone: it may be good where something before it is not.
void check_ending(const AuditVerifier& verifier, const Verdict& verdict, const MemoryFile& file) {
  const bool is_whole = !verdict.flaw || verdict.flaw == AuditFlaw::Torn;
  if (!is_whole) return;
  const auto ending = read_audit_ending(file.fd(), file.path());
  require(static_cast<bool>(ending), "an observer can go on with a good log");
  const bool has_records = verifier.records() > 0;
  require(ending.value().last.has_value() == has_records, "it finds a last record if there is one");
  if (has_records) require(*ending.value().last == verifier.end(), "and it is the verifier's last");
  require(ending.value().torn.empty() == !verdict.flaw, "what is torn is found by both");
}

void check(std::string_view text) {
  static MemoryFile file;
  file.write(text);
  AuditVerifier by_lines;
  AuditVerifier by_file;
  const Verdict expected = verdict_by_lines(by_lines, text);
  const Verdict found = verdict_by_file(by_file, file);
  require(found == expected, "a file is as good as its lines");
  require(by_file.records() == by_lines.records() && by_file.end() == by_lines.end(),
          "of a file as many records are good as of its lines");
  require(by_file.check_end().has_value() == (by_file.records() == 0),
          "a log without records is none");
  if (!found.flaw) check_chain(text);
  check_ending(by_file, found, file);
}

constexpr std::string_view kPrev = R"(,"prev":")";

bool has_prev(std::string_view hashed) {
  const auto at = hashed.rfind(kPrev);
  if (at == std::string_view::npos || !hashed.ends_with('"')) return false;
  hashed.remove_prefix(at + kPrev.size());
  return is_audit_hash(hashed.substr(0, hashed.size() - 1));
}

// A line that has a prev keeps it, right or wrong; one that only begins to say it gets the right
// one.
std::string completed(std::string_view line, const std::string& before) {
  const auto hashed = hashed_of(line);
  if (has_prev(hashed)) return sealed_line(hashed);
  const auto at = hashed.rfind(kPrev);
  if (at == std::string_view::npos) return std::string(line);
  return sealed_line(std::string(hashed.substr(0, at)).append(kPrev) + before + "\"");
}

// Each line with the hash that it should have.
std::string chained(std::string_view text) {
  std::string chain;
  std::string before = ChainEnd{}.hash;
  for (const auto& line : lines_of(text)) {
    const std::string whole = completed(line, before);
    before = sha256_hex(hashed_of(whole));
    chain += whole + "\n";
  }
  return chain.append(text.substr(text.rfind('\n') + 1));
}

}  // namespace
}  // namespace hb::fuzz

// The text of a log; then the same with the hashes that it should have.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = hb::fuzz::text_of({data, size});
  hb::fuzz::check(text);
  hb::fuzz::check(hb::fuzz::chained(text));
  return 0;
}
