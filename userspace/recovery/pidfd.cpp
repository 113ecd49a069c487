#include "recovery/pidfd.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "base/uninterrupted.hpp"

namespace hb {

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

Status send_signal(const Fd& pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0U) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot send signal " + std::to_string(signal));
}

Status raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return ok();
  }
  const int code = errno;
  return os_error(code, "cannot raise the limit of descriptors (RLIMIT_NOFILE)");
}

}  // namespace hb
