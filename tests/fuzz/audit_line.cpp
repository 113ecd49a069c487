// A line of the audit log: fields are read from their positions, and lines that we write are read
// unchanged.
#include "audit/audit_line.hpp"

#include <nlohmann/json.hpp>

#include "tests/fuzz/audit_seal.hpp"
#include "tests/fuzz/input.hpp"

namespace hb::fuzz {
namespace {

using Json = nlohmann::json;

bool is_written_by_us(std::string_view line, const ParsedLine& record) {
  return line.starts_with(R"({"seq":)" + std::to_string(record.seq) + ",") &&
         hashed_of(line).ends_with(R"(,"prev":")" + record.prev + "\"") &&
         line.ends_with(R"(,"hash":")" + record.hash + "\"}");
}

void check_line(std::string_view line) {
  const auto parsed = parse_audit_line(line);
  const auto* record = std::get_if<ParsedLine>(&parsed);
  if (record == nullptr) return;
  require(record->seq > 0, "records are counted from 1");
  require(is_audit_hash(record->prev) && is_audit_hash(record->hash), "hashes are hashes");
  require(is_written_by_us(line, *record), "fields are where they are written");
  require(record->hash == sha256_hex(hashed_of(line)), "the hash is that of the line");
  const auto json = Json::parse(line);
  require(
      json["seq"] == record->seq && json["prev"] == record->prev && json["hash"] == record->hash,
      "who reads the line as JSON reads the same");
}

AuditRecord record_of(Input& input) {
  AuditRecord record;
  record.kind = static_cast<AuditRecord::Kind>(input.take<std::uint8_t>() % 5);
  record.pid = input.take<std::uint32_t>();
  record.generation_ns = input.take<std::uint64_t>();
  if (input.take_bit()) record.signal = input.take<std::uint8_t>();
  if (input.take_bit()) record.child_pid = input.take<std::int64_t>();
  if (input.take_bit()) record.exit_code = input.take<std::int32_t>();
  record.reason = text_of(input.take_bytes(input.take<std::uint8_t>()));
  while (!input.empty())
    record.argv.emplace_back(text_of(input.take_bytes(input.take<std::uint8_t>())));
  return record;
}

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

void check_composed(Input input) {
  const AuditTime time{input.take<std::uint64_t>(), input.take<std::uint64_t>()};
  const ChainEnd before{input.take<std::uint32_t>(), std::string(kAuditHashDigits, 'a')};
  const auto composed = compose_audit_line(record_of(input), time, before);
  const auto line = std::string_view(composed.text).substr(0, composed.text.size() - 1);
  require(composed.text.ends_with('\n'), "a line ends with a newline");
  require(std::all_of(line.begin(), line.end(), is_printable), "and is one line of ASCII");
  const auto parsed = parse_audit_line(line);
  const auto* record = std::get_if<ParsedLine>(&parsed);
  require(record != nullptr, "what is written can be read");
  require(record->seq == before.seq + 1 && record->prev == before.hash,
          "it follows what is before");
  require(ChainEnd{record->seq, record->hash} == composed.end, "and is what will be followed");
  require(!record->resumed_after, "and tells of no truncation");
}

// A line; the same with the hash that it should have; and a record of these bytes.
void check(std::span<const std::uint8_t> bytes) {
  const auto line = text_of(bytes);
  check_line(line);
  check_line(sealed_line(hashed_of(line)));
  check_composed(Input(bytes.data(), bytes.size()));
}

}  // namespace
}  // namespace hb::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hb::fuzz::check({data, size});
  return 0;
}
