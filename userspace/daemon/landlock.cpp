#include "daemon/landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/fd.hpp"

namespace hb::daemon {
namespace {

constexpr int kAbiWithTruncate = 3;
constexpr std::uint64_t kTruncate = 1ULL << 14;  // LANDLOCK_ACCESS_FS_TRUNCATE, since Linux 6.2

// Of the first version: the low 13 bits, of which LANDLOCK_ACCESS_FS_MAKE_SYM is the last.
constexpr std::uint64_t kAllOfFirst = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kChange = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                  LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                  LANDLOCK_ACCESS_FS_MAKE_SOCK | kTruncate;

// That a file can have which is no directory (landlock(7)).
constexpr std::uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;

std::uint64_t all_of(int abi) { return kAllOfFirst | (abi >= kAbiWithTruncate ? kTruncate : 0); }

Result<> allow(const Fd& ruleset, const std::string& path, std::uint64_t rights) {
  const Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat seen {};
  if (!place || ::fstat(place.get(), &seen) != 0) return ok();
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(seen.st_mode) ? rights : rights & kOfFiles;
  rule.parent_fd = place.get();
  if (rule.allowed_access == 0) return ok();
  const long added =
      ::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0U);
  const int code = errno;
  return added == 0 ? ok()
                    : Result<>(os_error(code, "cannot let " + path + " be opened (Landlock)"));
}

Result<> allow_all(const Fd& ruleset, const std::vector<std::string>& paths, std::uint64_t rights) {
  for (const std::string& path : paths) {
    if (auto allowed = allow(ruleset, path, rights); !allowed) return allowed;
  }
  return ok();
}

}  // namespace

int landlock_abi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0UL, LANDLOCK_CREATE_RULESET_VERSION);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

Result<> open_only(const OpenablePaths& paths) {
  landlock_ruleset_attr handled{};
  handled.handled_access_fs = all_of(landlock_abi());
  const Fd ruleset(static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled.handled_access_fs), 0U)));
  int code = errno;
  if (!ruleset) return os_error(code, "cannot make a Landlock ruleset");
  const std::uint64_t known = handled.handled_access_fs;
  if (auto read = allow_all(ruleset, paths.read, kRead & known); !read) return read;
  if (auto change = allow_all(ruleset, paths.change, kChange & known); !change) return change;
  const long restricted = ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0U);
  code = errno;
  return restricted == 0 ? ok() : Result<>(os_error(code, "cannot enter the Landlock ruleset"));
}

}  // namespace hb::daemon
