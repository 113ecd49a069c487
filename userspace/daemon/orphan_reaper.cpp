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

// 0: none has ended.
pid_t reap_one() {
  return uninterrupted([] { return ::waitpid(-1, nullptr, WNOHANG); });
}

}  // namespace

Result<std::unique_ptr<OrphanReaper>> OrphanReaper::open() {
  if (::getpid() != 1) return std::unique_ptr<OrphanReaper>();
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGCHLD, SIG_DFL);
  Fd signals(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  const int code = errno;
  if (!signals) return os_error(code, "cannot learn of the end of children (signalfd)");
  return std::unique_ptr<OrphanReaper>(new OrphanReaper(std::move(signals)));
}

OrphanReaper::OrphanReaper(Fd signals) : signals_(std::move(signals)) {}

void OrphanReaper::tick(std::uint64_t /*now_ns*/) {
  if (take_signal() || may_have_more_) may_have_more_ = !reap_some();
}

std::uint64_t OrphanReaper::wake_ns() const { return may_have_more_ ? 0 : Source::kNever; }

bool OrphanReaper::take_signal() const {
  signalfd_siginfo info{};
  return ::read(signals_.get(), &info, sizeof(info)) == sizeof(info);
}

bool OrphanReaper::reap_some() {
  for (int i = 0; i < kReapedPerTick; ++i) {
    if (reap_one() <= 0) return true;
  }
  return false;
}

}  // namespace hb::daemon
