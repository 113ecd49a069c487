#include "report/append_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/uninterrupted.hpp"

namespace hb {
namespace {

// O_NONBLOCK: opening a FIFO must not wait for its reader.
constexpr int kFlags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

Error refusal(const std::string& path, const std::string& why) {
  return Error{path + " " + why + ": remove it, or choose another path", EINVAL};
}

Error cannot_open(int code, const std::string& path) {
  if (code == ELOOP) return refusal(path, "is a symbolic link, which is not followed");
  if (code == EISDIR) return refusal(path, "is a directory");
  if (code == ENXIO) return refusal(path, "is no regular file");
  return os_error(code, "cannot open " + path + " to append to it (its directory must exist and " +
                            "be writable for user " + std::to_string(::geteuid()) + ")");
}

// With another hard link or another owner, it may be somebody else's file that we are made to
// write.
Result<> examine(const Fd& file, const std::string& path, std::optional<uid_t> run_as_uid) {
  struct stat seen {};
  const int refused = ::fstat(file.get(), &seen);
  const int code = errno;
  if (refused != 0) return os_error(code, "cannot look at " + path);
  if (!S_ISREG(seen.st_mode)) return refusal(path, "is no regular file");
  if (seen.st_nlink > 1) return refusal(path, "has more than one hard link");
  if (seen.st_uid == ::geteuid() || seen.st_uid == run_as_uid) return ok();
  return refusal(path, "belongs to another user (" + std::to_string(seen.st_uid) + ")");
}

Result<> give(const Fd& made, const std::string& path, std::optional<uid_t> run_as_uid) {
  if (!run_as_uid || *run_as_uid == ::geteuid()) return ok();
  const int refused = ::fchown(made.get(), *run_as_uid, static_cast<gid_t>(-1));
  const int code = errno;
  if (refused == 0) return ok();
  return os_error(code, "cannot give " + path + " to user " + std::to_string(*run_as_uid));
}

Result<Fd> open_file(const std::string& path, std::optional<uid_t> run_as_uid) {
  Fd made(uninterrupted([&] { return ::open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0600); }));
  int code = errno;
  if (made) {
    const auto given = give(made, path, run_as_uid);
    return given ? Result<Fd>(std::move(made)) : given.error();
  }
  if (code != EEXIST) return cannot_open(code, path);
  Fd found(uninterrupted([&] { return ::open(path.c_str(), kFlags); }));
  code = errno;
  if (!found) return cannot_open(code, path);
  const auto good = examine(found, path, run_as_uid);
  return good ? Result<Fd>(std::move(found)) : good.error();
}

}  // namespace

Result<AppendFile> AppendFile::open(std::string path, std::optional<uid_t> run_as_uid) {
  auto file = open_file(path, run_as_uid);
  if (!file) return file.error();
  return AppendFile(std::move(path), run_as_uid, std::move(file).value());
}

AppendFile::AppendFile(std::string path, std::optional<uid_t> run_as_uid, Fd file)
    : path_(std::move(path)),
      run_as_uid_(run_as_uid),
      file_(std::move(file)),
      buffer_(kBufferBytes) {}

void AppendFile::append(std::string_view line) {
  if (!has_room(line.size())) {
    ++lost_;
    return;
  }
  line.copy(buffer_.data() + used_, line.size());
  used_ += line.size();
}

Result<> AppendFile::flush() {
  while (written_ < used_) {
    const ssize_t done = ::write(file_.get(), buffer_.data() + written_, used_ - written_);
    const int code = errno;
    if (done < 0 && code == EINTR) continue;
    if (done < 0) {
      cut_torn_line();
      return os_error(code, "cannot write to " + path_);
    }
    written_ += static_cast<std::size_t>(done);
  }
  lines_ += static_cast<std::uint64_t>(std::count(buffer_.data(), buffer_.data() + used_, '\n'));
  used_ = written_ = 0;
  return ok();
}

// Removes written lines from the buffer. A partially written line is removed from the file, or else
// completed by the next flush().
void AppendFile::cut_torn_line() {
  const auto* begin = buffer_.data();
  std::size_t whole = written_;
  while (whole > 0 && begin[whole - 1] != '\n') --whole;
  lines_ += static_cast<std::uint64_t>(std::count(begin, begin + whole, '\n'));
  take_out(whole);
  if (written_ > 0 && cut(written_)) written_ = 0;
}

void AppendFile::take_out(std::size_t bytes) {
  std::move(buffer_.begin() + static_cast<std::ptrdiff_t>(bytes),
            buffer_.begin() + static_cast<std::ptrdiff_t>(used_), buffer_.begin());
  used_ -= bytes;
  written_ -= bytes;
}

// Only if the file ends with what we wrote last, so that no other writer's bytes are removed.
bool AppendFile::cut(std::size_t bytes) const {
  struct stat seen {};
  const off_t end = ::lseek(file_.get(), 0, SEEK_CUR);
  const auto torn = static_cast<off_t>(bytes);
  return end >= torn && ::fstat(file_.get(), &seen) == 0 && seen.st_size == end &&
         uninterrupted([&] { return ::ftruncate(file_.get(), end - torn); }) == 0;
}

// Its beginning is in the old file.
void AppendFile::drop_torn_line() {
  if (written_ == 0) return;
  const auto end = std::find(buffer_.data() + written_, buffer_.data() + used_, '\n');
  written_ = static_cast<std::size_t>(end - buffer_.data()) + 1;
  take_out(written_);
  ++lost_;
}

Result<> AppendFile::reopen() {
  // What cannot be written to the old file goes into the new one.
  [[maybe_unused]] const auto flushed = flush();
  auto file = open_file(path_, run_as_uid_);
  if (!file) return file.error();
  drop_torn_line();
  file_ = std::move(file).value();
  return ok();
}

void AppendFile::end() {
  [[maybe_unused]] const auto flushed = flush();
  lost_ += static_cast<std::uint64_t>(std::count(buffer_.data(), buffer_.data() + used_, '\n'));
  used_ = written_ = 0;
}

}  // namespace hb
