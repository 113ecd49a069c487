#include "daemon/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>

namespace hb::daemon {
namespace {

bool is_ignored(int signal) {
  struct sigaction inherited {};
  return ::sigaction(signal, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN;
}

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

// Blocks the signals and reads them from `fd`, or from a new descriptor if it is -1. A blocked
// signal can be read even if it is ignored.
Result<int> take_by_descriptor(int fd, const sigset_t& set) {
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
    const int code = errno;
    return os_error(code, "cannot block signals");
  }
  const int made = ::signalfd(fd, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  const int code = errno;
  if (made < 0) return os_error(code, "cannot receive signals by descriptor (signalfd)");
  return made;
}

std::optional<std::uint32_t> read_one(const Fd& fd) {
  signalfd_siginfo info{};
  if (::read(fd.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
  return info.ssi_signo;
}

}  // namespace

const char* name(Signal signal) {
  switch (signal) {
    case Signal::Interrupt: return "SIGINT";
    case Signal::Terminate: return "SIGTERM";
    case Signal::HangUp: return "SIGHUP";
  }
  return "a signal";
}

Result<Signals> Signals::take() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  sigset_t set = set_of({SIGINT, SIGTERM});
  if (!is_ignored(SIGHUP)) ::sigaddset(&set, SIGHUP);
  const auto ending = take_by_descriptor(-1, set);
  if (!ending) return ending.error();
  return Signals(Fd(ending.value()));
}

Result<> Signals::set_requests_apart() {
  if (requests_) return ok();
  const auto requests = take_by_descriptor(-1, set_of({SIGHUP, SIGUSR1}));
  if (!requests) return requests.error();
  requests_.reset(requests.value());
  const auto ending = take_by_descriptor(ending_.get(), set_of({SIGINT, SIGTERM}));
  return ending ? ok() : Result<>(ending.error());
}

std::optional<Signal> Signals::next_ending() {
  const auto number = read_one(ending_);
  if (!number) return std::nullopt;
  if (*number == SIGHUP) return Signal::HangUp;
  return *number == SIGINT ? Signal::Interrupt : Signal::Terminate;
}

// A standard signal is pending at most once (signal(7)).
std::optional<Request> Signals::next_request() {
  const auto number = requests_ ? read_one(requests_) : std::nullopt;
  if (!number) return std::nullopt;
  return *number == SIGHUP ? Request::OpenAgain : Request::TellCounters;
}

}  // namespace hb::daemon
