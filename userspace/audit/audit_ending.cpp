#include "audit/audit_ending.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace hb {
namespace {

Error bad_ending(const std::string& path, const std::string& what) {
  return Error{"the audit log " + path + " has been changed since it was written: " + what +
                   " (`hb-ebpf audit verify " + path + "` shows where; move the file away)",
               EBADMSG};
}

Result<std::uint64_t> size_of(int fd, const std::string& path) {
  struct stat seen {};
  if (::fstat(fd, &seen) != 0) {
    const int code = errno;
    return os_error(code, "cannot look at the audit log " + path);
  }
  if (!S_ISREG(seen.st_mode)) return Error{path + " is not a regular file", EINVAL};
  return static_cast<std::uint64_t>(seen.st_size);
}

// Reads from `offset` to the end, which is less than two lines.
Result<std::string> read_from(int fd, std::uint64_t offset, std::size_t length,
                              const std::string& path) {
  std::string bytes(length, '\0');
  std::size_t have = 0;
  while (have < length) {
    const ssize_t got =
        ::pread(fd, bytes.data() + have, length - have, static_cast<off_t>(offset + have));
    const int code = errno;
    if (got < 0 && code == EINTR) continue;
    if (got < 0) return os_error(code, "cannot read the audit log " + path);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

// `lines`: the end of the file's whole lines.
Result<ChainEnd> last_of(std::string_view lines, bool from_start, const std::string& path) {
  lines.remove_suffix(1);
  const auto newline = lines.rfind('\n');
  if (newline == std::string_view::npos && !from_start) {
    return bad_ending(path, "its last line is too long for a record");
  }
  if (newline != std::string_view::npos) lines.remove_prefix(newline + 1);
  const auto parsed = parse_audit_line(lines);
  if (const auto* flaw = std::get_if<AuditFlaw>(&parsed)) {
    return bad_ending(path, std::string("its last record is bad, ") + name(*flaw));
  }
  const auto& record = std::get<ParsedLine>(parsed);
  return ChainEnd{record.seq, record.hash};
}

std::string torn_suffix(const AuditEnding& ending) {
  const std::uint64_t seq = ending.last.value_or(ChainEnd{}).seq + 1;
  return ".torn-" + std::to_string(seq) + "-" + std::to_string(AuditTime::now().wall_ns);
}

// Returns when the bytes are on disk.
Result<> write_aside(const AuditPlace& place, const std::string& suffix, std::string_view bytes) {
  const Fd aside(::openat(place.directory.get(), (place.name + suffix).c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  int code = aside ? 0 : errno;
  if (code == 0) code = write_all(aside.get(), bytes);
  if (code == 0 && ::fsync(aside.get()) != 0) code = errno;
  if (code != 0) {
    return os_error(code, "cannot keep the torn end of the audit log as " + place.path + suffix);
  }
  return place.sync();
}

}  // namespace

Result<AuditEnding> read_audit_ending(int fd, const std::string& path) {
  const auto size = size_of(fd, path);
  if (!size) return size.error();
  const auto length =
      static_cast<std::size_t>(std::min<std::uint64_t>(size.value(), 2 * kMaxAuditLine_bytes));
  const bool from_start = length == size.value();
  auto window = read_from(fd, size.value() - length, length, path);
  if (!window) return window.error();

  AuditEnding ending;
  ending.size_bytes = size.value();
  const auto newline = window.value().rfind('\n');
  const std::size_t whole = newline == std::string::npos ? 0 : newline + 1;
  ending.torn = window.value().substr(whole);
  if (ending.torn.size() >= kMaxAuditLine_bytes) {
    return bad_ending(path, "what is behind its last line is too long for a record");
  }
  if (whole == 0) return ending;
  auto last = last_of(std::string_view(window.value()).substr(0, whole), from_start, path);
  if (!last) return last.error();
  ending.last = std::move(last).value();
  return ending;
}

Result<ChainEnd> read_rotated_end(const AuditPlace& place) {
  const std::string path = place.path + ".1";
  const Fd fd(::openat(place.directory.get(), (place.name + ".1").c_str(),
                       O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  const int code = errno;
  if (!fd && code == ENOENT) return ChainEnd{};
  if (!fd) return os_error(code, "cannot open " + path + ", where the audit log goes on from");
  const auto ending = read_audit_ending(fd.get(), path);
  if (!ending) return ending.error();
  if (!ending.value().torn.empty()) return bad_ending(path, "it ends in the middle of a record");
  return ending.value().last.value_or(ChainEnd{});
}

Result<std::string> set_torn_aside(const AuditPlace& place, AuditFile& file,
                                   const AuditEnding& ending) {
  const std::string suffix = torn_suffix(ending);
  if (auto kept = write_aside(place, suffix, ending.torn); !kept) return kept.error();
  if (auto whole = file.cut(ending.size_bytes - ending.torn.size()); !whole) return whole.error();
  return place.path + suffix;
}

}  // namespace hb
