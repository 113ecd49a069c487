#include "audit/audit_verify.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {
namespace {

// Reads a file line by line; holds at most one line and one chunk.
class LineReader {
 public:
  enum class Got { Line, End, Torn, TooLong };

  explicit LineReader(int fd) : fd_(fd) {}

  // The line has no newline, and is valid until the next call.
  Result<Got> next(std::string_view& line) {
    for (;;) {
      const auto rest = std::string_view(held_).substr(used_);
      const auto newline = rest.find('\n');
      if (std::min(newline, rest.size()) >= kMaxAuditLine_bytes) return Got::TooLong;
      if (newline != std::string_view::npos) {
        line = rest.substr(0, newline);
        used_ += newline + 1;
        return Got::Line;
      }
      const auto more = read_more();
      if (!more) return more.error();
      if (!more.value()) return held_.empty() ? Got::End : Got::Torn;
    }
  }

 private:
  static constexpr std::size_t kChunk_bytes = 64 * 1024;

  // False at the end of the file.
  Result<bool> read_more() {
    held_.erase(0, used_);
    used_ = 0;
    const std::size_t have = held_.size();
    held_.resize(have + kChunk_bytes);
    ssize_t got = 0;
    int code = 0;
    do {
      got = ::read(fd_, held_.data() + have, kChunk_bytes);
      code = errno;
    } while (got < 0 && code == EINTR);
    held_.resize(have + static_cast<std::size_t>(got < 0 ? 0 : got));
    if (got < 0) return os_error(code, "cannot read");
    return got > 0;
  }

  const int fd_;
  std::string held_;
  std::size_t used_ = 0;  // bytes of the buffer that were returned as lines
};

Result<Fd> open_for_reading(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  int code = errno;
  struct stat seen {};
  if (fd) code = ::fstat(fd.get(), &seen) == 0 ? 0 : errno;
  if (code != 0) return os_error(code, "cannot open");
  if (!S_ISREG(seen.st_mode)) return Error{"it is not a regular file", EINVAL};
  return fd;
}

std::optional<AuditFlaw> flaw_of(LineReader::Got got) {
  switch (got) {
    case LineReader::Got::TooLong: return AuditFlaw::LineTooLong;
    case LineReader::Got::Torn: return AuditFlaw::Torn;
    case LineReader::Got::Line:
    case LineReader::Got::End: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<AuditFinding> AuditVerifier::check_file(const std::string& path) {
  file_ = path;
  const auto fd = open_for_reading(path);
  if (!fd) return AuditFinding{AuditFlaw::Unreadable, path, 0, fd.error().message};
  LineReader reader(fd.value().get());
  for (std::uint64_t number = 1;; ++number) {
    std::string_view line;
    const auto got = reader.next(line);
    if (!got) return AuditFinding{AuditFlaw::Unreadable, path, number, got.error().message};
    if (got.value() == LineReader::Got::End) return std::nullopt;
    auto flaw = flaw_of(got.value());
    if (!flaw) flaw = check_line(line);
    if (flaw) return AuditFinding{*flaw, path, number, describe(*flaw)};
  }
}

std::optional<AuditFinding> AuditVerifier::check_end() const {
  if (records_ == 0) {
    return AuditFinding{AuditFlaw::NoRecords, file_, 0, describe(AuditFlaw::NoRecords)};
  }
  if (anchor_.empty() || anchor_ == end_.hash) return std::nullopt;
  return AuditFinding{AuditFlaw::LastHashDiffers, file_, 0, describe(AuditFlaw::LastHashDiffers)};
}

std::optional<AuditFlaw> AuditVerifier::check_line(std::string_view line) {
  const auto parsed = parse_audit_line(line);
  if (const auto* flaw = std::get_if<AuditFlaw>(&parsed)) return *flaw;
  const auto& record = std::get<ParsedLine>(parsed);
  bad_seq_ = record.seq;
  bad_resumed_after_ = record.resumed_after;
  if (const auto flaw = check_chain(record)) return flaw;
  if (records_++ == 0) first_seq_ = record.seq;
  end_ = {record.seq, record.hash};
  if (record.resumed_after && resumed_.size() < kMaxResumed) {
    resumed_.push_back({record.seq, *record.resumed_after});
  }
  if (record.hash == anchor_) anchor_seq_ = record.seq;
  return std::nullopt;
}

// The first record seen may have any seq; but the prev of seq 1 must be zeros.
std::optional<AuditFlaw> AuditVerifier::check_chain(const ParsedLine& record) const {
  if (records_ == 0) {
    const bool follows_nothing = record.prev == ChainEnd{}.hash;
    if (follows_nothing != (record.seq == 1)) return AuditFlaw::PrevMismatch;
    return std::nullopt;
  }
  if (record.seq == end_.seq) return AuditFlaw::RecordRepeated;
  if (record.seq < end_.seq) return AuditFlaw::OutOfOrder;
  if (record.seq != end_.seq + 1) return AuditFlaw::RecordMissing;
  if (record.prev != end_.hash) return AuditFlaw::PrevMismatch;
  return std::nullopt;
}

std::string AuditVerifier::describe(AuditFlaw flaw) const {
  const std::string follows =
      "seq " + std::to_string(bad_seq_) + " follows " + std::to_string(end_.seq);
  switch (flaw) {
    case AuditFlaw::Unreadable: return "cannot be read";
    case AuditFlaw::NoRecords: return "there are no records";
    case AuditFlaw::LineTooLong:
      return "the line is longer than " + std::to_string(kMaxAuditLine_bytes) + " bytes";
    case AuditFlaw::Torn: return "the file ends in the middle of a record";
    case AuditFlaw::NotJson: return "not JSON";
    case AuditFlaw::NotARecord: return "JSON, but not a record of an audit log";
    case AuditFlaw::HashMismatch: return "hash does not match: the record has been changed";
    case AuditFlaw::RecordMissing:
      if (!bad_resumed_after_) return "a record is missing before this: " + follows;
      return "records were lost when the file was " + std::string(name(*bad_resumed_after_)) +
             ": " + follows;
    case AuditFlaw::RecordRepeated: return "a record comes twice: " + follows;
    case AuditFlaw::OutOfOrder:
      return "records are out of order: " + follows + " (name the oldest file first)";
    case AuditFlaw::PrevMismatch:
      return "prev does not match: the record before this was another one";
    case AuditFlaw::LastHashDiffers:
      if (!anchor_seq_) return "no record has the expected last hash";
      return "the expected last hash is that of seq " + std::to_string(*anchor_seq_) +
             ", and the log continues to seq " + std::to_string(end_.seq);
  }
  return "unknown";
}

}  // namespace hb
