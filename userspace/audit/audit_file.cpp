#include "audit/audit_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/uninterrupted.hpp"

namespace hb {
namespace {

using Seen = struct stat;

constexpr int kAttempts = 16;  // to lock a file before it is renamed

// 0, or errno.
int sync_data(int fd) {
  return uninterrupted([&] { return ::fdatasync(fd); }) == 0 ? 0 : errno;
}

// 0, or errno.
int truncate(int fd, std::uint64_t size_bytes) {
  const auto size = static_cast<off_t>(size_bytes);
  return uninterrupted([&] { return ::ftruncate(fd, size); }) == 0 ? 0 : errno;
}

std::string why_not_opened(int code, const std::string& path) {
  std::string doing = "cannot open the audit log " + path;
  if (code == ELOOP) return doing + " (it is a symbolic link: name the file itself)";
  if (code == ENOENT) return doing + " (its directory is missing: mkdir -p)";
  return doing;
}

Result<Fd> open_file(const AuditPlace& place, const std::string& name, const std::string& path) {
  // O_NONBLOCK: opening a FIFO or a device must not block.
  constexpr int kFlags =
      O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  Fd fd(uninterrupted([&] { return ::openat(place.directory.get(), name.c_str(), kFlags, 0600); }));
  const int code = errno;
  if (fd) return fd;
  return os_error(code, why_not_opened(code, path));
}

Result<> check_kind(const Seen& seen, const std::string& path) {
  const std::string doing = "cannot use " + path + " as the audit log: ";
  if (!S_ISREG(seen.st_mode)) return Error{doing + "it is not a regular file", EINVAL};
  if (seen.st_uid != ::geteuid()) {
    return Error{doing + "it belongs to user " + std::to_string(seen.st_uid) + ", not to user " +
                     std::to_string(::geteuid()) + " (chown, or name another file)",
                 EPERM};
  }
  if ((seen.st_mode & 077) != 0) {
    return Error{doing + "it is accessible to other users (chmod 600)", EPERM};
  }
  if (seen.st_nlink > 1) {
    return Error{doing + "it has " + std::to_string(seen.st_nlink) +
                     " names, so it may be somebody else's file (remove the other hard links)",
                 EMLINK};
  }
  return ok();
}

Result<Seen> look_at(int fd, const std::string& path) {
  Seen seen{};
  if (::fstat(fd, &seen) == 0) return seen;
  const int code = errno;
  return os_error(code, "cannot look at the audit log " + path);
}

std::uint64_t bytes_of(const Seen& seen) { return static_cast<std::uint64_t>(seen.st_size); }

Result<> lock(int fd, const std::string& path) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return ok();
  const int code = errno;
  if (code != EWOULDBLOCK) return os_error(code, "cannot lock the audit log " + path);
  return Error{"another observer writes the audit log " + path + ": stop it, or name another file",
               EWOULDBLOCK};
}

// The size, once the file is locked.
Result<std::uint64_t> check_and_lock(int fd, const std::string& path) {
  const auto seen = look_at(fd, path);
  if (!seen) return seen.error();
  if (auto good = check_kind(seen.value(), path); !good) return good.error();
  if (auto locked = lock(fd, path); !locked) return locked.error();
  const auto now = look_at(fd, path);
  if (!now) return now.error();
  return bytes_of(now.value());
}

}  // namespace

int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    const int code = errno;
    if (written < 0 && code == EINTR) continue;
    if (written <= 0) return written < 0 ? code : EIO;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

Result<AuditPlace> AuditPlace::open(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") {
    return Error{"'" + path + "' does not name a file for the audit log", EINVAL};
  }
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Fd directory(
      uninterrupted([&] { return ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  const int code = errno;
  if (!directory) return os_error(code, why_not_opened(code, path));
  return AuditPlace{std::move(directory), name, path};
}

Result<> AuditPlace::sync() const {
  if (uninterrupted([&] { return ::fsync(directory.get()); }) == 0) return ok();
  const int code = errno;
  if (code == EINVAL) return ok();  // the file system does not support fsync(2) of a directory
  return os_error(code, "cannot sync the directory of the audit log " + path);
}

// A rotating observer renames the file before it unlocks it, so the locked file may not be the one
// that has the name any more.
Result<AuditFile> AuditFile::open(const AuditPlace& place, const std::string& suffix) {
  const std::string path = place.path + suffix;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto fd = open_file(place, place.name + suffix, path);
    if (!fd) return fd.error();
    const auto size_bytes = check_and_lock(fd.value().get(), path);
    if (!size_bytes) return size_bytes.error();
    AuditFile file(std::move(fd).value(), path, size_bytes.value());
    if (file.is_named(place, suffix)) return file;
  }
  return Error{
      "the audit log " + path +
          " was renamed again and again while it was opened: stop the process that does it",
      EBUSY};
}

bool AuditFile::is_named(const AuditPlace& place, const std::string& suffix) const {
  struct stat held {};
  struct stat named {};
  return ::fstat(fd_.get(), &held) == 0 &&
         ::fstatat(place.directory.get(), (place.name + suffix).c_str(), &named,
                   AT_SYMLINK_NOFOLLOW) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

// Without permission to search the directory it is not known, and the open file is kept.
bool AuditFile::is_moved(const AuditPlace& place) const {
  struct stat named {};
  const int directory = place.directory.get();
  const int failed = ::fstatat(directory, place.name.c_str(), &named, AT_SYMLINK_NOFOLLOW);
  const int code = errno;
  return failed != 0 ? code == ENOENT : !is_named(place);
}

Result<std::optional<AuditBreak>> AuditFile::find_break() const {
  const auto seen = look_at(fd_.get(), path_);
  if (!seen) return seen.error();
  std::optional<AuditBreak> found;
  if (bytes_of(seen.value()) < size_bytes_) found = AuditBreak::Truncated;
  if (seen.value().st_nlink == 0) found = AuditBreak::Replaced;
  return found;
}

void AuditFile::accept(std::uint64_t size_bytes) {
  size_bytes_ = size_bytes;
  torn_ = false;
}

Result<> AuditFile::append(std::string_view line) {
  if (auto settled = settle(); !settled) return settled;
  int code = write_all(fd_.get(), line);
  if (code == 0) code = sync_data(fd_.get());
  if (code != 0) {
    undo();
    return os_error(code, "cannot write the audit log " + path_);
  }
  size_bytes_ += line.size();
  return ok();
}

// O_APPEND writes at the current end: the chain must not continue behind bytes of another process,
// nor in a file that was unlinked.
Result<> AuditFile::settle() {
  if (auto whole = remove_torn(); !whole) return whole;
  const auto seen = look_at(fd_.get(), path_);
  if (!seen) return seen.error();
  if (seen.value().st_nlink == 0) {
    return Error{"the audit log " + path_ + " has been removed", ENOENT};
  }
  if (bytes_of(seen.value()) == size_bytes_) return ok();
  return Error{"another process has changed the audit log " + path_ + ": it has " +
                   std::to_string(seen.value().st_size) + " bytes, not " +
                   std::to_string(size_bytes_) + " (see `hb-ebpf audit verify`; move it away)",
               EBUSY};
}

// A file that another process has truncated must not grow again: ftruncate(2) would fill it with
// zeros.
void AuditFile::undo() {
  const auto seen = look_at(fd_.get(), path_);
  const bool is_longer = !seen || bytes_of(seen.value()) > size_bytes_;
  torn_ = is_longer && truncate(fd_.get(), size_bytes_) != 0;
}

Result<> AuditFile::remove_torn() {
  if (!torn_) return ok();
  const auto found = find_break();
  if (!found) return found.error();
  if (!found.value()) return cut(size_bytes_);
  torn_ = false;
  return ok();
}

Result<> AuditFile::cut(std::uint64_t size_bytes) {
  const auto seen = look_at(fd_.get(), path_);
  if (!seen) return seen.error();
  if (bytes_of(seen.value()) < size_bytes) return Error{path_ + " has just been truncated", EBUSY};
  int code = truncate(fd_.get(), size_bytes);
  if (code == 0) code = sync_data(fd_.get());
  if (code != 0)
    return os_error(code, "cannot truncate a partial record from the audit log " + path_);
  accept(size_bytes);
  return ok();
}

}  // namespace hb
