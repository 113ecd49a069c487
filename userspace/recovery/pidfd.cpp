#include "recovery/pidfd.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "base/uninterrupted.hpp"

namespace hb {
namespace {

// struct pidfd_info in its first form, and its ioctl (include/uapi/linux/pidfd.h), which headers
// older than Linux 6.13 lack.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t pid, tgid, ppid;
  std::uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  std::uint32_t spare;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t kCredentials = 1U << 1U;
constexpr unsigned long kGetInfo = _IOWR(0xFF, 11, PidfdInfo);

constexpr std::size_t kMaxDescriptors = std::size_t{1} << 20;  // fs.nr_open, if not changed

}  // namespace

Result<Fd> open_pidfd(std::uint32_t pid) {
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0U)));
  const int code = errno;
  if (!pidfd) return os_error(code, "cannot refer to process " + std::to_string(pid));
  return pidfd;
}

bool has_exited(const Fd& pidfd) {
  pollfd polled{pidfd.get(), POLLIN, 0};
  return uninterrupted([&] { return ::poll(&polled, 1, 0); }) > 0;
}

void reap(const Fd& pidfd) {
  siginfo_t info{};
  uninterrupted([&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED); });
}

std::optional<std::uint32_t> real_uid(const Fd& pidfd) {
  PidfdInfo info{};
  info.mask = kCredentials;
  if (::ioctl(pidfd.get(), kGetInfo, &info) != 0) return std::nullopt;
  if ((info.mask & kCredentials) == 0) return std::nullopt;
  return info.ruid;
}

std::size_t descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, kMaxDescriptors));
}

std::size_t room_for_pidfds(std::size_t limit) {
  return limit > 2 * kReservedDescriptors ? limit - kReservedDescriptors : limit / 2;
}

Result<rlimit> raise_descriptor_limit(std::size_t wanted) {
  rlimit before{};
  if (::getrlimit(RLIMIT_NOFILE, &before) != 0) {
    const int code = errno;
    return os_error(code, "cannot read the limit of descriptors (RLIMIT_NOFILE)");
  }
  if (before.rlim_cur >= wanted) return before;
  const rlimit all{wanted, std::max<rlim_t>(wanted, before.rlim_max)};
  if (::setrlimit(RLIMIT_NOFILE, &all) == 0) return before;
  const rlimit most{before.rlim_max, before.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &most) == 0) return before;
  const int code = errno;
  return os_error(code, "cannot raise the limit of descriptors (RLIMIT_NOFILE)");
}

}  // namespace hb
