#include "recovery/delegated_cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "base/fd.hpp"
#include "recovery/cgroup_walk.hpp"

namespace hb {
namespace {

bool has_attribute(const Fd& directory, const char* name) {
  char value = '\0';
  return ::fgetxattr(directory.get(), name, &value, sizeof(value)) == 1 && value == '1';
}

bool is_delegated(const Fd& directory) {
  return has_attribute(directory, "user.delegate") || has_attribute(directory, "trusted.delegate");
}

// Not where the hierarchy of another cgroup namespace is mounted: the path means another one there.
bool is_own(const std::string& directory) {
  std::ifstream processes(directory + "/cgroup.procs");
  for (pid_t pid = 0; processes >> pid;) {
    if (pid == ::getpid()) return true;
  }
  return false;
}

Result<> give_to(const std::string& path, uid_t user) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && status.st_uid == user) return ok();
  if (::chown(path.c_str(), user, static_cast<gid_t>(-1)) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot give " + path + " to uid " + std::to_string(user));
}

Result<> check_writable(const std::string& path) {
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot write to " + path);
}

}  // namespace

Result<DelegatedCgroup> find_delegated_cgroup(const std::string& own_path,
                                              const std::string& mount) {
  for (const auto& place : cgroup_mounts(mount)) {
    const std::string directory = place + own_path;
    const Fd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened || !is_cgroup2(opened)) continue;
    if (!is_own(directory)) return Error{directory + " is not the cgroup of this process"};
    if (is_delegated(opened)) return DelegatedCgroup{own_path, directory};
    return Error{directory + " is not delegated (Delegate=)"};
  }
  return Error{"there is no cgroup v2 directory of " + own_path};
}

Result<> prepare_cgroup(const DelegatedCgroup& cgroup, std::optional<uid_t> user) {
  for (const auto& path : {cgroup.directory, cgroup.directory + "/cgroup.procs"}) {
    if (auto writable = check_writable(path); !writable) return writable;
    if (!user) continue;
    if (auto given = give_to(path, *user); !given) return given;
  }
  return ok();
}

}  // namespace hb
