#include "exec/beater.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

namespace hb::exec {
namespace {

constexpr int kPassedOn[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

// SIGCHLD may have been ignored by whoever started this process: then no end could be seen.
Result<Fd> take_signals_by_descriptor() {
  ::signal(SIGCHLD, SIG_DFL);
  sigset_t taken;
  ::sigemptyset(&taken);
  ::sigaddset(&taken, SIGCHLD);
  for (const int number : kPassedOn) ::sigaddset(&taken, number);
  ::sigprocmask(SIG_BLOCK, &taken, nullptr);
  Fd fd(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  const int code = errno;
  if (!fd) return os_error(code, "cannot receive signals (signalfd)");
  return fd;
}

// The program's name is what events and policies have as `comm`.
void take_name_of(const std::string& path) {
  ::prctl(PR_SET_NAME, path.substr(path.rfind('/') + 1).c_str(), 0UL, 0UL, 0UL);
}

bool is_failure(int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; }

std::uint32_t payload_of(int status) {
  return static_cast<std::uint32_t>(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

}  // namespace

Result<std::unique_ptr<Beater>> Beater::make(BeaterConfig config) {
  auto signals = take_signals_by_descriptor();
  if (!signals) return signals.error();
  try {
    return std::unique_ptr<Beater>(new Beater(std::move(config), std::move(signals).value()));
  } catch (const std::system_error& failed) {
    return os_error(failed.code().value(), "cannot be an agent");
  }
}

Result<> Beater::start() {
  auto started = start_program(config_.argv, [] {});
  if (!started) return started.error();
  program_ = started.value();
  take_name_of(config_.argv.front());
  due_ = Clock::now();
  return ok();
}

Beater::Beater(BeaterConfig config, Fd signals)
    : config_(std::move(config)), signals_(std::move(signals)), agent_(config_.socket) {}

int Beater::run() {
  while (!ended_) {
    wait();
    take_signals();
    if (!ended_) go_on();
  }
  if (checking_) pending()->abandon();
  if (has_beaten_ && is_failure(*ended_) && !was_asked_for()) {
    agent_.last_word(payload_of(*ended_));
  }
  return *ended_;
}

// SIGTERM is, whatever the program makes of it; another signal only if it is what ended it.
bool Beater::was_asked_for() const {
  return is_asked_to_end_ || (WIFSIGNALED(*ended_) && WTERMSIG(*ended_) == passed_on_);
}

Check* Beater::pending() const { return checking_ ? config_.checks[*checking_].get() : nullptr; }

void Beater::wait() {
  const Check* check = pending();
  pollfd polled[] = {{signals_.get(), POLLIN, 0}, {check ? check->fd() : -1, POLLOUT, 0}};
  const auto until = check ? deadline_ : due_;
  const auto rest = std::max(Clock::duration::zero(), until - Clock::now());
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(rest);
  const timespec timeout{whole.count(), std::chrono::nanoseconds(rest - whole).count()};
  ::ppoll(polled, std::size(polled), &timeout, nullptr);
}

void Beater::take_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    const int number = static_cast<int>(info.ssi_signo);
    if (number != SIGCHLD) pass_on(number, info.ssi_code);
  }
  reap();
}

// A terminal's signals go to the program, too, which is in the same process group.
void Beater::pass_on(int number, int origin) {
  if (number == SIGTERM) is_asked_to_end_ = true;
  passed_on_ = number;
  if (origin != SI_KERNEL) ::kill(program_, number);
}

void Beater::reap() {
  constexpr int kChanges = WEXITED | WSTOPPED | WCONTINUED | WNOHANG;
  siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, kChanges | WNOWAIT) == 0 && info.si_pid != 0) {
    const pid_t pid = std::exchange(info.si_pid, 0);
    const bool has_ended = info.si_code != CLD_STOPPED && info.si_code != CLD_CONTINUED;
    if (has_ended && checking_) pending()->before_reaping(pid);
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG | WUNTRACED | WCONTINUED) == pid) take_change(pid, status);
  }
}

void Beater::take_change(pid_t pid, int status) {
  const bool has_ended = WIFEXITED(status) || WIFSIGNALED(status);
  if (pid != program_) {
    if (has_ended && checking_) pending()->take_end(pid, status);
    return;
  }
  is_stopped_ = WIFSTOPPED(status);
  if (has_ended) ended_ = status;
}

void Beater::go_on() {
  if (!checking_ && Clock::now() < due_) return;
  if (!checking_) begin_round();
  while (const Check* check = pending()) {
    auto answer = pending()->answer();
    if (!answer && Clock::now() < deadline_) return;
    if (!answer) {
      pending()->abandon();
      answer = Error{"no answer within " + std::to_string(config_.check_timeout.count()) + " ms"};
    }
    if (!*answer) {
      tell_failure(check->name() + ": " + answer->error().message);
      return end_round();
    }
    if (++*checking_ == config_.checks.size()) break;
    begin_check();
  }
  beat();
  end_round();
}

void Beater::begin_round() {
  if (config_.checks.empty()) return;
  checking_ = 0;
  begin_check();
}

void Beater::begin_check() {
  deadline_ = Clock::now() + config_.check_timeout;
  pending()->begin();
}

// Rounds are due at fixed instants, so that their time does not accumulate; those that were missed
// are left out.
void Beater::end_round() {
  checking_.reset();
  const auto now = Clock::now();
  due_ += config_.interval;
  if (due_ < now) due_ = now + config_.interval - (now - due_) % config_.interval;
}

// Only the program's own state is asked anew: what the checks have found is as old as this round.
void Beater::beat() {
  if (is_stopped_) return tell_failure("the program is stopped");
  if (!failure_.empty()) spdlog::info("all checks hold, and beats go on; before: {}", failure_);
  failure_.clear();
  tell_delivery(agent_.beat());
  has_beaten_ = true;
}

void Beater::tell_delivery(const std::error_code& code) {
  if (code.value() == std::exchange(delivery_, code.value())) return;
  if (code) {
    spdlog::warn("beats do not reach {}: {}", config_.socket, code.message());
  } else {
    spdlog::info("beats reach {} again", config_.socket);
  }
}

void Beater::tell_failure(const std::string& what) {
  if (failure_.empty()) spdlog::warn("{}: no beat until it holds", what);
  failure_ = what;
}

}  // namespace hb::exec
