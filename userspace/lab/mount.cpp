#include "lab/mount.hpp"

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <utility>

namespace hb::lab {

Result<Mount> Mount::make(const std::string& file_system, const std::string& where,
                          const std::string& options) {
  const int refused = ::mount(file_system.c_str(), where.c_str(), file_system.c_str(),
                              MS_NOSUID | MS_NODEV, options.c_str());
  const int code = errno;
  if (refused != 0) return os_error(code, "cannot mount " + file_system + " on " + where);
  return Mount(where);
}

Mount::Mount(Mount&& other) noexcept : where_(std::exchange(other.where_, {})) {}

Mount::~Mount() {
  if (!where_.empty()) ::umount2(where_.c_str(), MNT_DETACH);
}

Result<> leave_mount_namespace() {
  const int refused = ::unshare(CLONE_NEWNS);
  const int code = errno;
  if (refused != 0) {
    return os_error(code,
                    "cannot leave the mount namespace (CAP_SYS_ADMIN is needed; run as root)");
  }
  return keep_mounts_private();
}

Result<> keep_mounts_private() {
  const int refused = ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  const int code = errno;
  if (refused != 0) return os_error(code, "cannot keep mounts private");
  return ok();
}

}  // namespace hb::lab
