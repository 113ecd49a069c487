// The file of an audit log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/audit_line.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// A directory descriptor and a file name: later changes of the path to the directory, or of its
// permissions, have no effect.
struct AuditPlace {
  Fd directory;
  std::string name;
  std::string path;  // for messages

  static Result<AuditPlace> open(const std::string& path);

  // fsync(2) of the directory, so that created and renamed files are on disk.
  [[nodiscard]] Result<> sync() const;
};

// AuditFile: appends whole lines or nothing.
//
// It holds an flock(2) on the file, and notices if the size was changed by another process. The
// file is regular, has one hard link, belongs to the effective user, and is accessible to no other
// user. One thread.
class AuditFile {
 public:
  // Opens or creates PATH + suffix. The Error says why the file cannot be used, or that another
  // observer
  // has locked it.
  static Result<AuditFile> open(const AuditPlace& place, const std::string& suffix = {});

  // Returns when the line is on disk. After an Error no part of it is in the file; if ftruncate(2)
  // fails
  // too, the next append() repeats it first, and fails as long as it does.
  [[nodiscard]] Result<> append(std::string_view line);

  // Checks that the file is as the last append() left it, and truncates a partial line. append()
  // calls
  // it itself.
  [[nodiscard]] Result<> settle();

  // Truncates the file, and returns when that is on disk. It is an Error if it is shorter already.
  [[nodiscard]] Result<> cut(std::uint64_t size_bytes);

  // Whether the path still names this file.
  [[nodiscard]] bool is_named(const AuditPlace& place, const std::string& suffix = {}) const;

  // Whether the path is known to name another file, or none.
  [[nodiscard]] bool is_moved(const AuditPlace& place) const;

  // Whether the file lost what was written to it: it was truncated, or has no name any more.
  [[nodiscard]] Result<std::optional<AuditBreak>> find_break() const;

  // The next append() expects the file to have this size.
  void accept(std::uint64_t size_bytes);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  AuditFile(Fd fd, std::string path, std::uint64_t size_bytes)
      : fd_(std::move(fd)), path_(std::move(path)), size_bytes_(size_bytes) {}

  void undo();
  Result<> remove_torn();

  Fd fd_;
  std::string path_;          // for messages
  std::uint64_t size_bytes_;  // up to the end of the last good line
  bool torn_ = false;         // a partial line of ours follows
};

// Writes all bytes: 0, or errno.
[[nodiscard]] int write_all(int fd, std::string_view bytes);

}  // namespace hb
