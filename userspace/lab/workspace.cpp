#include "lab/workspace.hpp"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace hb::lab {
namespace {

// A mount point that every host has.
constexpr const char* kMountPoint = "/run";
constexpr const char* kOtherMountPoint = "/tmp";

constexpr int kReapAttempts = 1000;
constexpr timespec kReapPause{0, 1'000'000};

std::string mount_point() {
  return ::access(kMountPoint, X_OK) == 0 ? kMountPoint : kOtherMountPoint;
}

}  // namespace

Result<Workspace> Workspace::enter() {
  if (auto left = leave_mount_namespace(); !left) return left.error();
  const std::string directory = mount_point();
  auto mount = Mount::make("tmpfs", directory, "mode=0755");
  if (!mount) return mount.error();
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
    const int code = errno;
    return os_error(code, "cannot become a subreaper (PR_SET_CHILD_SUBREAPER)");
  }
  return Workspace(std::move(mount).value(), directory);
}

// They end with their parents (Child), but not at the same instant.
void Workspace::reap_orphans() {
  for (int attempt = 0; attempt < kReapAttempts; ++attempt) {
    pid_t reaped = 0;
    while ((reaped = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (reaped < 0) return;  // ECHILD
    ::nanosleep(&kReapPause, nullptr);
  }
}

}  // namespace hb::lab
