#include "daemon/watchdog.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "daemon/emergency_log.hpp"
#include "daemon/exit_code.hpp"
#include "procfs/wait_channel.hpp"

namespace hb::daemon {
namespace {

// SIGURG is ignored by default, passed on by debuggers and otherwise unused here; Go's runtime uses
// it for the same purpose.
constexpr int kInterrupt = SIGURG;

void do_nothing(int /*signal*/) {}

// While it exists, all signals are blocked, also in threads that are created, but SIGSYS: a system
// call that the sandbox refuses would end the process.
class AllBlocked {
 public:
  AllBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigdelset(&all, SIGSYS);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  AllBlocked(const AllBlocked&) = delete;
  AllBlocked& operator=(const AllBlocked&) = delete;
  ~AllBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Watchdog::Watchdog(const Config& config, Signals& signals)
    : config_(config),
      signals_(signals),
      loop_(::pthread_self()),
      loop_tid_(::gettid()),
      standstill_(config.standstill) {}

Watchdog::~Watchdog() {
  if (!thread_.joinable()) return;
  ::eventfd_write(over_.get(), 1);
  thread_.join();
}

Result<> Watchdog::start() {
  if (config_.standstill.limit_ms == 0) return ok();
  over_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const int code = errno;
  if (!over_) return os_error(code, "cannot make an eventfd for the watchdog");
  if (auto made = make_interruptible(); !made) return made;
  const AllBlocked blocked;
  try {
    thread_ = std::thread(&Watchdog::watch, this);
  } catch (const std::system_error& error) {
    return os_error(error.code().value(),
                    "cannot make the watchdog's thread (--self-watchdog-ms 0 does without)");
  }
  return ok();
}

// No SA_RESTART: an interrupted system call returns EINTR.
Result<> Watchdog::make_interruptible() {
  struct sigaction action {};
  action.sa_handler = do_nothing;
  if (::sigaction(kInterrupt, &action, nullptr) != 0) {
    const int code = errno;
    return os_error(code, "cannot handle SIGURG");
  }
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, kInterrupt);
  const int code = ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  return code == 0 ? ok() : Result<>(os_error(code, "cannot unblock SIGURG"));
}

void Watchdog::watch() {
  ::pthread_setname_np(::pthread_self(), "hb-watchdog");
  while (!is_over_within(standstill_.next_look_ms())) {
    switch (const auto verdict = standstill_.judge(progress_.word(), is_told_to_end())) {
      case Standstill::Verdict::Fine: break;
      case Standstill::Verdict::Interrupt: interrupt(); break;
      case Standstill::Verdict::EndStuck:
      case Standstill::Verdict::EndUnresponsive: end(verdict);
    }
  }
}

bool Watchdog::is_over_within(std::uint64_t ms) const {
  pollfd over{over_.get(), POLLIN, 0};
  return ::poll(&over, 1, static_cast<int>(ms)) > 0;
}

// Polling a signalfd shows what is pending for the process (signalfd(2)) and does not consume it.
bool Watchdog::is_told_to_end() const {
  pollfd signals{signals_.fd(), POLLIN, 0};
  return ::poll(&signals, 1, 0) > 0;
}

void Watchdog::interrupt() {
  ::pthread_kill(loop_, kInterrupt);
  interrupts_.fetch_add(1, std::memory_order_relaxed);
}

// With /proc/self/task/TID/wchan, the kernel function that the loop sleeps in, if known.
void Watchdog::end(Standstill::Verdict why) {
  std::array<char, 64> room{};
  const std::string_view channel = wait_channel(loop_tid_, room);
  const auto signal = why == Standstill::Verdict::EndUnresponsive ? signals_.next_ending()
                                                                  : std::optional<Signal>();
  std::array<char, 512> text{};
  const auto made = fmt::format_to_n(
      text.data(), text.size(),
      "the loop has not turned for {} ms{}{}: it was {}{}{}: ending with code {}{}{}",
      standstill_.stands_ms(), signal ? " and does not hear " : "", signal ? name(*signal) : "",
      name(Progress::step_of(progress_.word())), channel.empty() ? "" : ", in the kernel in ",
      channel, static_cast<int>(ExitCode::Stuck), signal ? "" : " (--self-watchdog-ms)",
      config_.may_leave_commands ? "; recovery commands that run are left alone" : "");
  end_with_line(config_.log, {text.data(), made.out}, ExitCode::Stuck);
}

}  // namespace hb::daemon
