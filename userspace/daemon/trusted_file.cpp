#include "daemon/trusted_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.hpp"

namespace hb::daemon {
namespace {

Result<> examine(const struct stat& seen, const std::string& path) {
  if (!S_ISREG(seen.st_mode)) return Error{path + " is not a regular file: name one", EINVAL};
  if (seen.st_size > static_cast<off_t>(kMaxTrustedFile_bytes)) {
    return Error{path + " is larger than 1 MiB: is it the right file?", EFBIG};
  }
  if (seen.st_uid != 0 && seen.st_uid != ::geteuid()) {
    return Error{path + " belongs to user " + std::to_string(seen.st_uid) +
                     ", who could change what is done in your name: chown root " + path,
                 EPERM};
  }
  if ((seen.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{path + " can be written by others than its owner: chmod go-w " + path, EPERM};
  }
  return ok();
}

// Reads up to one byte more than allowed, to detect a longer file.
Result<std::string> read_all(const Fd& file, const std::string& path) {
  std::string text(kMaxTrustedFile_bytes + 1, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + length, text.size() - length);
    const int code = errno;
    if (got < 0 && code == EINTR) continue;
    if (got < 0) return os_error(code, "cannot read " + path);
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (length > kMaxTrustedFile_bytes)
    return Error{path + " grows beyond 1 MiB while it is read", EFBIG};
  text.resize(length);
  return text;
}

}  // namespace

Result<std::string> read_trusted_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  const int code = errno;
  if (!file) {
    return os_error(code, "cannot open " + path + " (it must exist and be readable for user " +
                              std::to_string(::geteuid()) + ")");
  }
  struct stat seen {};
  const int refused = ::fstat(file.get(), &seen);
  const int problem = errno;
  if (refused != 0) return os_error(problem, "cannot look at " + path);
  if (auto good = examine(seen, path); !good) return good.error();
  return read_all(file, path);
}

}  // namespace hb::daemon
