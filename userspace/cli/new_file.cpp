#include "cli/new_file.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/fd.hpp"
#include "base/uninterrupted.hpp"

namespace hb::cli {
namespace {

constexpr mode_t kMode = 0600;

// The directory is held, so that what is removed is in the same one.
struct Place {
  Fd directory;
  std::string name;
};

Result<Fd> open_without_links(int at, const std::string& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_NO_SYMLINKS;
  Fd opened(static_cast<int>(::syscall(SYS_openat2, at, path.c_str(), &how, sizeof(how))));
  const int code = errno;
  if (opened) return opened;
  if (code == ELOOP) return Error{path + ": a symbolic link is on the way to it", code};
  return os_error(code, path);
}

Result<Place> place_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  auto opened = open_without_links(AT_FDCWD, directory, O_PATH | O_DIRECTORY, 0);
  if (!opened) return opened.error();
  return Place{std::move(opened).value(), path.substr(slash == std::string::npos ? 0 : slash + 1)};
}

// 0, or errno.
int write_all(const Fd& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written =
        uninterrupted([&] { return ::write(file.get(), text.data(), text.size()); });
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(file.get()) == 0 || errno == EINVAL ? 0 : errno;
}

}  // namespace

Result<> write_new_file(const std::string& path, std::string_view text) {
  const auto place = place_of(path);
  if (!place) return Error{"cannot make " + place.error().message, place.error().code};
  const int at = place.value().directory.get();
  const std::string& name = place.value().name;
  const auto file = open_without_links(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, kMode);
  if (!file) {
    const int code = file.error().code;
    return os_error(code, "cannot make " + path);
  }
  int code = ::fchmod(file.value().get(), kMode) == 0 ? 0 : errno;
  if (code == 0) code = write_all(file.value(), text);
  if (code == 0) return ok();
  ::unlinkat(at, name.c_str(), 0);
  return os_error(code, "cannot write " + path);
}

}  // namespace hb::cli
