// The file of an audit log: where it is, and the one descriptor that is written to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// A directory, held open, and a name in it: what happens to the path above it later, or to the
// right to walk it, changes nothing.
struct AuditPlace {
  Fd directory;
  std::string name;
  std::string path;  // for messages

  static Result<AuditPlace> open(const std::string& path);

  // Makes what happened to the names in the directory last.
  [[nodiscard]] Result<> sync() const;
};

// AuditFile: appends whole lines or nothing.
//
// Nobody else appends as long as it lives: it holds an flock(2) on the file, and notices when the
// file is not as long as it left it. The file is regular, has one name, is of the effective user,
// and is nobody else's to read. One thread.
class AuditFile {
 public:
  // PATH + suffix: opened, or made. The Error says what stands there instead, or that another
  // observer has it.
  static Result<AuditFile> open(const AuditPlace& place, const std::string& suffix = {});

  // Returns when the line is on disk. After an Error nothing of it is in the file; or, if even that
  // could not be reached, the next append() begins with it, and refuses as long as it fails.
  [[nodiscard]] Result<> append(std::string_view line);

  // Is the file as the last append() left it, or can it be made so? append() asks by itself.
  [[nodiscard]] Result<> settle();

  // Shortens the file, on disk.
  [[nodiscard]] Result<> cut(std::uint64_t size_bytes);

  // Is this the file of that name, still?
  [[nodiscard]] bool is_named(const AuditPlace& place, const std::string& suffix = {}) const;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  AuditFile(Fd fd, std::string path, std::uint64_t size_bytes)
      : fd_(std::move(fd)), path_(std::move(path)), size_bytes_(size_bytes) {}

  void undo();

  Fd fd_;
  std::string path_;          // for messages
  std::uint64_t size_bytes_;  // up to the end of the last good line
  bool torn_ = false;         // there is more in the file than that, of ours
};

// All of it to a descriptor: 0, or errno.
[[nodiscard]] int write_all(int fd, std::string_view bytes);

}  // namespace hb
