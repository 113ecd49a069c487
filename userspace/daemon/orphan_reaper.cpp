#include "daemon/orphan_reaper.hpp"

#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "base/uninterrupted.hpp"

namespace hb::daemon {
namespace {

constexpr int kReapedPerTick = 64;

// A child that has ended, as a zombie still; 0: none.
pid_t next_zombie() {
  siginfo_t info{};
  const int found =
      uninterrupted([&] { return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT); });
  return found == 0 ? info.si_pid : 0;
}

void reap(pid_t zombie) {
  siginfo_t info{};
  uninterrupted(
      [&] { return ::waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOHANG); });
}

}  // namespace

Result<std::unique_ptr<OrphanReaper>> OrphanReaper::open(std::function<bool(pid_t)> is_ours) {
  if (::getpid() != 1) return std::unique_ptr<OrphanReaper>();
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGCHLD, SIG_DFL);
  Fd signals(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  const int code = errno;
  if (!signals) return os_error(code, "cannot learn of the end of children (signalfd)");
  return std::unique_ptr<OrphanReaper>(new OrphanReaper(std::move(is_ours), std::move(signals)));
}

OrphanReaper::OrphanReaper(std::function<bool(pid_t)> is_ours, Fd signals)
    : is_ours_(std::move(is_ours)), signals_(std::move(signals)) {}

void OrphanReaper::tick(std::uint64_t /*now_ns*/) {
  if (take_signal() || rest_ != Rest::Nobody) rest_ = reap_some();
}

std::uint64_t OrphanReaper::wake_ns() const {
  return rest_ == Rest::MoreOrphans ? 0 : Source::kNever;
}

bool OrphanReaper::take_signal() const {
  signalfd_siginfo info{};
  return ::read(signals_.get(), &info, sizeof(info)) == sizeof(info);
}

// waitid(2) shows the same zombie until it is reaped: orphans behind one of ours wait until whoever
// started that has reaped it, for which the loop is woken.
OrphanReaper::Rest OrphanReaper::reap_some() const {
  for (int i = 0; i < kReapedPerTick; ++i) {
    const pid_t zombie = next_zombie();
    if (zombie == 0) return Rest::Nobody;
    if (is_ours_(zombie)) return Rest::OneOfOurs;
    reap(zombie);
  }
  return Rest::MoreOrphans;
}

}  // namespace hb::daemon
