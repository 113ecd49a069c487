#include "audit/audit_line.hpp"

#include <fmt/format.h>

#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "audit/sha256.hpp"
#include "base/units.hpp"

namespace hb {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHead = R"({"seq":)";
constexpr std::string_view kBeforePrev = R"(,"prev":")";
constexpr std::string_view kBeforeHash = R"(,"hash":")";
constexpr std::string_view kTail = R"("})";
constexpr const char* kResumed = "resumed";

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  // Cannot fail: both clocks exist on every Linux (clock_gettime(2)).
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// RFC 3339.
std::string utc(std::uint64_t wall_ns) {
  const auto seconds = static_cast<std::time_t>(wall_ns / kNsPerSecond);
  std::tm t{};
  ::gmtime_r(&seconds, &t);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, wall_ns % kNsPerSecond);
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

// 0 stands for not known in all of these.
Json known(std::uint64_t number) { return number != 0 ? Json(number) : Json(); }

template <typename Enum>
Json name_or_null(const std::optional<Enum>& value) {
  return value ? Json(name(*value)) : Json();
}

void put_process(Json& line, const AuditRecord& r) {
  line["pid"] = known(r.pid);
  if (r.kind != AuditRecord::Kind::Boot) line["generation_ns"] = known(r.generation_ns);
  line["pid_ns_inode"] = or_null(r.pid_ns_inode);
  if (r.kind == AuditRecord::Kind::Boot) return;
  line["origin"] = name_or_null(r.origin);
  line["cgroup_id"] = known(r.cgroup_id);
  line["cause"] = name_or_null(r.cause);
  if (r.ended.code) line["agent_exit_code"] = *r.ended.code;
  if (r.ended.signal) line["agent_exit_signal"] = *r.ended.signal;
  if (r.uid) line["uid"] = *r.uid;
  if (!r.service.empty()) line["service"] = r.service;
  if (!r.unit.empty()) line["unit"] = r.unit;
  if (!r.user_unit.empty()) line["user_unit"] = r.user_unit;
  if (!r.cgroup.empty()) line["cgroup"] = r.cgroup;
  if (!r.comm.empty()) line["comm"] = r.comm;
  if (r.attempt != 0) line["attempt"] = r.attempt;
}

void put_child(Json& line, const AuditRecord& r) {
  line["child_pid"] = or_null(r.child_pid);
  line["exit_code"] = or_null(r.exit_code);
  line["exit_signal"] = or_null(r.exit_signal);
}

// Recovery by signal has no child process and no output.
void put_act(Json& line, const AuditRecord& r) {
  const bool of_command = r.kind == AuditRecord::Kind::Complete && !r.signal;
  if (r.kind == AuditRecord::Kind::Spawn || !r.argv.empty()) line["argv"] = r.argv;
  if (r.kind == AuditRecord::Kind::Signal || r.signal) line["signal"] = or_null(r.signal);
  if (of_command || r.child_pid) put_child(line, r);
}

std::optional<std::uint64_t> parse_seq(std::string_view text) {
  std::uint64_t seq = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seq);
  if (parsed.ec != std::errc{} || std::to_string(seq) != text) return std::nullopt;
  return seq;
}

// Removes the suffix `text` from `line`, if it is there.
bool take_end(std::string_view& line, std::string_view text) {
  if (!line.ends_with(text)) return false;
  line.remove_suffix(text.size());
  return true;
}

std::optional<std::string> take_hash(std::string_view& line) {
  if (line.size() < kAuditHashDigits) return std::nullopt;
  const auto digits = line.substr(line.size() - kAuditHashDigits);
  if (!is_audit_hash(digits)) return std::nullopt;
  line.remove_suffix(kAuditHashDigits);
  return std::string(digits);
}

// Finds the fields by position only, so that every line has one interpretation.
struct Places {
  ParsedLine fields;
  std::string_view hashed;
};

std::optional<Places> find_places(std::string_view line) {
  Places places;
  if (!take_end(line, kTail)) return std::nullopt;
  const auto hash = take_hash(line);
  if (!hash || !take_end(line, kBeforeHash)) return std::nullopt;
  places.hashed = line;
  if (!take_end(line, "\"")) return std::nullopt;
  const auto prev = take_hash(line);
  if (!prev || !take_end(line, kBeforePrev) || !line.starts_with(kHead)) return std::nullopt;
  line.remove_prefix(kHead.size());
  const auto seq = parse_seq(line.substr(0, line.find(',')));
  if (!seq || *seq == 0) return std::nullopt;
  places.fields = {*seq, *prev, *hash, std::nullopt};
  return places;
}

// A line can be nested so deeply that copying a value, which is recursive, overflows the stack. So
// values are not copied, and ordered_json is not used, since it copies when it grows.
using ForeignJson = nlohmann::json;

template <typename T>
bool has(const ForeignJson& json, const char* field, const T& value) {
  const auto found = json.find(field);
  return found != json.end() && *found == value;
}

// Checks that a JSON parser finds the same values: of a duplicate field, most take the last.
bool agrees(const ForeignJson& json, const ParsedLine& fields) {
  return has(json, "seq", fields.seq) && has(json, "prev", fields.prev) &&
         has(json, "hash", fields.hash);
}

// nullopt: it is a record of another kind.
std::optional<AuditBreak> parse_resumption(const ForeignJson& json) {
  if (!has(json, "kind", kResumed)) return std::nullopt;
  for (const AuditBreak cause : kEnumValues<AuditBreak>) {
    if (has(json, "reason", name(cause))) return cause;
  }
  return std::nullopt;
}

Json begin_line(std::uint64_t seq, const AuditTime& time, const char* kind,
                const std::string& reason) {
  return Json{{"seq", seq},
              {"time", utc(time.wall_ns)},
              {"monotonic_ns", time.monotonic_ns},
              {"kind", kind},
              {"reason", reason}};
}

ComposedLine end_line(Json line, const ChainEnd& before) {
  line["prev"] = before.hash;
  std::string text = line.dump(-1, ' ', true, Json::error_handler_t::replace);
  text.pop_back();
  ChainEnd end{before.seq + 1, sha256_hex(text)};
  text.append(kBeforeHash).append(end.hash).append(kTail).append("\n");
  return {std::move(text), std::move(end)};
}

}  // namespace

AuditTime AuditTime::now() { return {clock_ns(CLOCK_REALTIME), clock_ns(CLOCK_MONOTONIC)}; }

ComposedLine compose_audit_line(const AuditRecord& record, const AuditTime& time,
                                const ChainEnd& before) {
  Json line = begin_line(before.seq + 1, time, name(record.kind), record.reason);
  put_process(line, record);
  line["dry_run"] = record.dry_run;
  put_act(line, record);
  return end_line(std::move(line), before);
}

ComposedLine compose_resumption(const AuditResumption& resumption, const AuditTime& time,
                                const ChainEnd& before) {
  Json line = begin_line(before.seq + 1, time, kResumed, name(resumption.cause));
  line["written_bytes"] = resumption.written_bytes;
  line["found_bytes"] = resumption.found_bytes;
  return end_line(std::move(line), before);
}

std::variant<ParsedLine, AuditFlaw> parse_audit_line(std::string_view line) {
  const auto json = ForeignJson::parse(line, nullptr, false);
  if (json.is_discarded()) return AuditFlaw::NotJson;
  const auto places = find_places(line);
  if (!places || !agrees(json, places->fields)) return AuditFlaw::NotARecord;
  if (sha256_hex(places->hashed) != places->fields.hash) return AuditFlaw::HashMismatch;
  ParsedLine record = places->fields;
  record.resumed_after = parse_resumption(json);
  return record;
}

bool is_audit_hash(std::string_view text) {
  return text.size() == kAuditHashDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

const char* name(AuditRecord::Kind kind) {
  switch (kind) {
    case AuditRecord::Kind::Boot: return "boot";
    case AuditRecord::Kind::Spawn: return "spawn";
    case AuditRecord::Kind::Signal: return "signal";
    case AuditRecord::Kind::Complete: return "complete";
    case AuditRecord::Kind::Refused: return "refused";
  }
  return "unknown";
}

const char* name(AuditFlaw flaw) {
  switch (flaw) {
    case AuditFlaw::Unreadable: return "unreadable";
    case AuditFlaw::NoRecords: return "no_records";
    case AuditFlaw::LineTooLong: return "line_too_long";
    case AuditFlaw::Torn: return "torn";
    case AuditFlaw::NotJson: return "not_json";
    case AuditFlaw::NotARecord: return "not_a_record";
    case AuditFlaw::HashMismatch: return "hash_mismatch";
    case AuditFlaw::RecordMissing: return "record_missing";
    case AuditFlaw::RecordRepeated: return "record_repeated";
    case AuditFlaw::OutOfOrder: return "out_of_order";
    case AuditFlaw::PrevMismatch: return "prev_mismatch";
    case AuditFlaw::LastHashDiffers: return "last_hash_differs";
  }
  return "unknown";
}

}  // namespace hb
