#include "keep/keeper.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "keep/child_program.hpp"
#include "keep/inherited.hpp"
#include "keep/variable.hpp"

namespace hb::keep {
namespace {

constexpr std::uint64_t kEndPatience_ms = 90'000;  // after SIGTERM, as systemd's default
constexpr int kMostMessages = 1024;                // in one turn; more than a queue has
constexpr std::array kSignals = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};

std::uint64_t now_ms() {
  using std::chrono::steady_clock;
  const auto now = steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

std::optional<NotifySocket> take_outer() {
  const auto name = take_variable("NOTIFY_SOCKET");
  if (!name || name->empty()) return std::nullopt;
  auto connected = NotifySocket::connect_to(*name);
  if (connected) return std::move(connected).value();
  spdlog::warn("{}: nobody is notified", connected.error().message);
  return std::nullopt;
}

// 1, 2, 4, 8 ...: so a flood of messages is no flood of lines.
bool is_worth_a_line(std::uint64_t count) { return (count & (count - 1)) == 0; }

// waitid(2) has set `info`.
int exit_code(const siginfo_t& info) {
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

}  // namespace

Result<Keeper> Keeper::make(KeeperConfig config) {
  auto inherited = take_inherited();
  if (!inherited) return inherited.error();
  auto program = ProgramFile::find(config.argv.front());
  if (!program) return program.error();
  auto notified = NotifyListener::make();
  if (!notified) return notified.error();
  Keeper made(std::move(config), std::move(inherited).value(), std::move(notified).value(),
              std::move(program).value());
  if (auto taken = made.take_signals(); !taken) return taken.error();
  // Others of this user must not take the descriptors (pidfd_getfd(2)).
  ::prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL);
  return made;
}

Keeper::Keeper(KeeperConfig config, std::vector<NamedFd> first, NotifyListener notified,
               ProgramFile program)
    : config_(std::move(config)),
      kept_(std::move(first)),
      notified_(std::move(notified)),
      outer_(take_outer()),
      program_(std::move(program)),
      plan_(config_.limits) {}

Result<> Keeper::take_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : kSignals) ::sigaddset(&set, number);
  int code = ::sigprocmask(SIG_BLOCK, &set, &before_) == 0 ? 0 : errno;
  if (code != 0) return os_error(code, "cannot block signals");
  signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  code = errno;
  if (!signals_) return os_error(code, "cannot receive signals by descriptor (signalfd)");
  return ok();
}

int Keeper::run() {
  start_program();
  while (!is_done_) {
    wait();
    take_messages();
    signalfd_siginfo info{};
    while (!is_done_ && ::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
      take_one_signal(static_cast<int>(info.ssi_signo));
    }
    if (!is_done_ && deadline_ms_ && now_ms() >= *deadline_ms_) deadline_passed();
  }
  forward("STOPPING=1\n");
  return code_;
}

void Keeper::wait() {
  int timeout_ms = -1;
  if (deadline_ms_) {
    const std::uint64_t now = now_ms();
    const std::uint64_t left = *deadline_ms_ > now ? *deadline_ms_ - now : 0;
    timeout_ms = static_cast<int>(std::min<std::uint64_t>(left, 1'000'000));
  }
  std::array<pollfd, 2> polled{pollfd{signals_.get(), POLLIN, 0}, {notified_.fd(), POLLIN, 0}};
  ::poll(polled.data(), polled.size(), timeout_ms);
}

void Keeper::start_program() {
  ready_ms_.reset();
  const auto pid = start({program_, config_.argv, kept_.all(), notified_.path(), before_});
  if (!pid) {
    spdlog::error("{}", pid.error().message);
    program_ended(1);
    return;
  }
  pid_ = pid.value();
  deadline_ms_ = now_ms() + config_.ready_timeout_ms;
  spdlog::info("started {} as pid {} with {} kept descriptors", program_.path(), pid_,
               kept_.all().size());
}

void Keeper::take_one_signal(int number) {
  switch (number) {
    case SIGTERM:
    case SIGINT: stop(); break;
    case SIGHUP: upgrade(); break;
    case SIGUSR1: signal_program(SIGUSR1); break;
    case SIGCHLD: reap_children(); break;
  }
}

void Keeper::stop() {
  if (pid_ < 0) {
    is_done_ = true;
    return;
  }
  spdlog::info("pid {} is {}", pid_, is_stopping_ ? "killed" : "to end (SIGTERM)");
  signal_program(is_stopping_ ? SIGKILL : SIGTERM);
  is_stopping_ = true;
  deadline_ms_ = now_ms() + kEndPatience_ms;
}

// What the program has given to the keeper outlives SIGKILL at any instant, and nothing of it is
// given up, as it would be at SIGTERM. Without that, it is ended as always.
void Keeper::upgrade() {
  if (is_stopping_ || next_ || previous_) {
    spdlog::warn("SIGHUP: {}: ignored", is_stopping_ ? "it ends" : "an upgrade is under way");
    return;
  }
  auto found = ProgramFile::find(config_.argv.front());
  if (!found) {
    spdlog::error("no upgrade: {}", found.error().message);
    return;
  }
  next_ = std::move(found).value();
  spdlog::info("upgrade: pid {} makes room for {}", pid_, next_->path());
  if (pid_ < 0) {
    program_ended(code_);
    return;
  }
  signal_program(kept_.all().empty() ? SIGTERM : SIGKILL);
  deadline_ms_ = now_ms() + kEndPatience_ms;
}

void Keeper::take_messages() {
  for (int taken = 0; taken < kMostMessages; ++taken) {
    auto message = notified_.next();
    if (!message) return;
    handle(*message);
  }
}

void Keeper::handle(NotifyListener::Message& message) {
  if (pid_ < 0 || message.sender != pid_) {
    ignore(message.sender);
    return;
  }
  const Notification told = parse_notification(message.text);
  store(told, message);
  if (told.is_ready) became_ready();
  if (!told.forwarded.empty()) forward(told.forwarded);
}

void Keeper::ignore(pid_t sender) {
  ++ignored_;
  if (!is_worth_a_line(ignored_)) return;
  spdlog::warn("a message to {} from pid {}, which is not the program's, was ignored ({} so far)",
               notified_.path(), sender, ignored_);
}

void Keeper::store(const Notification& told, NotifyListener::Message& message) {
  if (told.store == Notification::Store::Nothing) return;
  if (!is_descriptor_name(told.name)) {
    spdlog::error("a descriptor is not kept: its name is none");
    return;
  }
  if (told.store == Notification::Store::Remove) {
    spdlog::debug("gave up {} descriptors '{}'", kept_.forget(told.name), told.name);
    return;
  }
  for (Fd& fd : message.descriptors) {
    if (!fd) continue;
    if (kept_.keep(told.name, std::move(fd)) != KeptDescriptors::Kept::NoRoom) continue;
    spdlog::error("a descriptor '{}' is not kept: there are {} already", told.name, kMostKept);
  }
}

void Keeper::became_ready() {
  if (!ready_ms_) ready_ms_ = now_ms();
  if (!is_stopping_ && !next_) deadline_ms_.reset();
  if (previous_) spdlog::info("upgrade: {} is ready as pid {}", program_.path(), pid_);
  previous_.reset();
}

// As process 1 of a container, the keeper has children that it did not start. The program is
// reaped only when all that it had sent has been read: until then nobody else has its pid.
void Keeper::reap_children() {
  siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
    const pid_t ended = info.si_pid;
    if (ended == pid_) take_messages();
    ::waitid(P_PID, static_cast<id_t>(ended), &info, WEXITED | WNOHANG);
    if (ended == pid_) {
      pid_ = -1;
      program_ended(exit_code(info));
    }
    info = {};
  }
}

void Keeper::program_ended(int code) {
  deadline_ms_.reset();
  code_ = code;
  if (is_stopping_) {
    is_done_ = true;
    return;
  }
  if (next_) {
    previous_ = std::exchange(program_, std::move(*next_));
    next_.reset();
    start_after(0);
    return;
  }
  if (previous_) {
    spdlog::error("upgrade: it ended with {} before it was ready: back to the one before", code);
    program_ = std::move(*previous_);
    previous_.reset();
    start_after(0);
    return;
  }
  const std::uint64_t ready_ms = ready_ms_ ? now_ms() - *ready_ms_ : 0;
  const auto delay_ms = plan_.after({code, ready_ms});
  spdlog::log(code == 0 ? spdlog::level::info : spdlog::level::warn, "{} ended with {}{}",
              program_.path(), code,
              delay_ms ? ", and is started again in " + std::to_string(*delay_ms) + " ms" : "");
  if (!delay_ms) {
    is_done_ = true;
    return;
  }
  start_after(*delay_ms);
}

void Keeper::start_after(std::uint64_t delay_ms) { deadline_ms_ = now_ms() + delay_ms; }

void Keeper::deadline_passed() {
  deadline_ms_.reset();
  if (pid_ < 0) {
    start_program();
    return;
  }
  spdlog::error("pid {} {} in time: it is killed", pid_,
                is_stopping_ || next_ ? "did not end" : "was not ready");
  signal_program(SIGKILL);
}

void Keeper::signal_program(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void Keeper::forward(const std::string& state) {
  if (!outer_) return;
  const int code = outer_->send(state);
  if (code != 0) spdlog::debug("NOTIFY_SOCKET: {}", os_error(code, "not told").message);
}

}  // namespace hb::keep
