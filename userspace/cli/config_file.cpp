#include "cli/config_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/fd.hpp"

namespace hb::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Removes the first line from `text` and returns it without its line end.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Error at(const std::string& path, std::size_t number, const std::string& what) {
  return Error{path + ":" + std::to_string(number) + ": " + what, EINVAL};
}

Result<> examine(const struct stat& seen, const std::string& path) {
  if (!S_ISREG(seen.st_mode)) return Error{path + " is not a regular file: name one", EINVAL};
  if (seen.st_size > static_cast<off_t>(kMaxConfigBytes)) {
    return Error{path + " is larger than 1 MiB: is it the right file?", EFBIG};
  }
  if (::geteuid() != 0) return ok();
  if (seen.st_uid != 0) {
    return Error{path + " belongs to user " + std::to_string(seen.st_uid) +
                     ", who could change what root runs: chown root " + path,
                 EPERM};
  }
  if ((seen.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{path + " can be written by others than root: chmod go-w " + path, EPERM};
  }
  return ok();
}

// Reads up to one byte more than allowed, to detect a longer file.
Result<std::string> read_all(const Fd& file, const std::string& path) {
  std::string text(kMaxConfigBytes + 1, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + length, text.size() - length);
    const int code = errno;
    if (got < 0 && code == EINTR) continue;
    if (got < 0) return os_error(code, "cannot read " + path);
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (length > kMaxConfigBytes) return Error{path + " grows beyond 1 MiB while it is read", EFBIG};
  text.resize(length);
  return text;
}

}  // namespace

Result<std::string> read_config(const std::string& path) {
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

Result<std::vector<ConfigLine>> parse_config(const std::string& path, std::string_view text) {
  std::vector<ConfigLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = trimmed(take_line(text));
    if (line.find('\0') != std::string_view::npos) {
      return at(path, number, "zero byte: not a text file");
    }
    if (line.empty() || line.front() == '#') continue;
    const auto equals = line.find('=');
    const std::string key(trimmed(line.substr(0, equals)));
    if (equals == std::string_view::npos || key.empty()) {
      return at(path, number, "'" + std::string(line) + "' is not key=value (a flag is key=true)");
    }
    lines.push_back({number, key, std::string(trimmed(line.substr(equals + 1)))});
  }
  return lines;
}

}  // namespace hb::cli
