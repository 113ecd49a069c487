#include "recovery/forked_process.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/uninterrupted.hpp"
#include "recovery/pidfd.hpp"

namespace hb {
namespace {

constexpr int kLastPatience_ms = 1000;
constexpr int kFirstOther = STDERR_FILENO + 1;

void reap(pid_t pid) {
  uninterrupted([pid] { return ::waitpid(pid, nullptr, 0); });
}

// Standard descriptors are about to be replaced.
Result<> move_away_from_standard(Fd& fd) {
  if (fd.get() >= kFirstOther) return ok();
  const int moved = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstOther);
  const int code = errno;
  if (moved < 0) return os_error(code, "cannot move a descriptor (fcntl)");
  fd.reset(moved);
  return ok();
}

bool is_silent(int fd) {
  struct stat file {};
  return ::fstat(fd, &file) == 0 && S_ISCHR(file.st_mode) && file.st_rdev == makedev(1, 3);
}

// A process whose parent has done so already needs no permission to open anything.
Result<> silence_standard() {
  if (is_silent(STDIN_FILENO) && is_silent(STDOUT_FILENO) && is_silent(STDERR_FILENO)) return ok();
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const int code = errno;
  if (!null) return os_error(code, "cannot open /dev/null");
  for (int fd = STDIN_FILENO; fd < kFirstOther; ++fd) ::dup2(null.get(), fd);
  return ok();
}

Result<> close_between(unsigned first, unsigned last) {
  if (first > last || ::close_range(first, last, 0) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot close descriptors (close_range)");
}

Result<> close_all_but(const std::vector<Fd*>& kept) {
  std::vector<unsigned> numbers;
  for (const Fd* fd : kept) numbers.push_back(static_cast<unsigned>(fd->get()));
  std::sort(numbers.begin(), numbers.end());
  unsigned first = kFirstOther;
  for (const unsigned number : numbers) {
    if (auto closed = close_between(first, number - 1); !closed) return closed;
    first = number + 1;
  }
  return close_between(first, ~0U);
}

// Without libcap, which allocates, and which this layer does not use.
Result<> drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capset, &header, none) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot drop capabilities (capset)");
}

Result<> set(int option, unsigned long value, const char* what) {
  if (::prctl(option, value, 0UL, 0UL, 0UL) == 0) return ok();
  const int code = errno;
  return os_error(code, what);
}

}  // namespace

Result<ForkedProcess> ForkedProcess::start(const std::function<void()>& work) {
  const pid_t pid = ::fork();
  const int code = errno;
  if (pid == 0) {
    work();
    ::_exit(1);
  }
  if (pid < 0) return os_error(code, "cannot fork");
  auto pidfd = open_pidfd(static_cast<std::uint32_t>(pid));
  if (pidfd) return ForkedProcess(pid, std::move(pidfd).value());
  ::kill(pid, SIGKILL);
  reap(pid);
  return pidfd.error();
}

ForkedProcess::ForkedProcess(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

ForkedProcess::ForkedProcess(ForkedProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

ForkedProcess::~ForkedProcess() {
  if (pid_ < 0) return;
  pollfd polled{pidfd_.get(), POLLIN, 0};
  const bool has_ended = ::poll(&polled, 1, kLastPatience_ms) > 0;
  // Where the sandbox refuses the signal, the kernel kills it when we end (PR_SET_PDEATHSIG). Where
  // it has become another user, the kernel asks for the same permission and does not; it has to be
  // tied to us by other means.
  if (!has_ended && ::kill(pid_, SIGKILL) != 0) return;
  reap(pidfd_);
}

void ForkedProcess::reap_if_ended() {
  if (pid_ < 0 || !has_exited(pidfd_)) return;
  reap(pidfd_);
  pid_ = -1;
  pidfd_.reset();
}

Result<Fd> watch_socket(const Fd& socket, const std::string& name) {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  int code = errno;
  if (!epoll) return os_error(code, "cannot watch the " + name + " (epoll_create1)");
  epoll_event event{};
  event.events = EPOLLIN;
  const int added = ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket.get(), &event);
  code = errno;
  if (added != 0) return os_error(code, "cannot watch the " + name + " (epoll_ctl)");
  return epoll;
}

Result<> detach_from_parent(const char* name, const std::vector<Fd*>& kept) {
  sigset_t signals;
  ::sigfillset(&signals);
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  ::setsid();
  ::prctl(PR_SET_NAME, name, 0UL, 0UL, 0UL);
  for (Fd* fd : kept) {
    if (auto moved = move_away_from_standard(*fd); !moved) return moved;
  }
  if (auto silenced = silence_standard(); !silenced) return silenced;
  return close_all_but(kept);
}

// In this order: dropping capabilities takes the parent-death signal away (prctl(2)).
Result<> renounce_privileges(pid_t parent) {
  if (auto dropped = drop_capabilities(); !dropped) return dropped;
  auto done = set(PR_SET_NO_NEW_PRIVS, 1, "cannot renounce new privileges");
  if (!done) return done;
  done = set(PR_SET_DUMPABLE, 0, "cannot forbid tracing (PR_SET_DUMPABLE)");
  if (!done) return done;
  done = set(PR_SET_PDEATHSIG, SIGKILL, "cannot tie the process to its parent");
  if (!done) return done;
  if (::getppid() != parent) ::_exit(1);  // it ended before the signal was set
  return ok();
}

}  // namespace hb
