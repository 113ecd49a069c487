// Ordinary processes in the observer's PID namespace.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <thread>

#include "lab/compare/plays.hpp"

namespace hb::compare {
namespace {

constexpr timespec kMoment{0, 2'000'000};

// The kernel clears this word when the main thread exits (set_tid_address(2)), just before it
// becomes a zombie.
std::atomic<int> main_thread_lives{1};

void outlive_main_thread(const Sockets& sockets, lab::Line& line) {
  while (main_thread_lives.load() != 0) ::nanosleep(&kMoment, nullptr);
  ::nanosleep(&kMoment, nullptr);
  const auto done = beat_and_stay(sockets, own_pid(), line);
  if (!done) line.tell_failure(done.error().message);
  ::_exit(1);
}

Result<> lose_main_thread(const Sockets& sockets, lab::Line& line) {
  ::syscall(SYS_set_tid_address, &main_thread_lives);
  std::thread(outlive_main_thread, std::cref(sockets), std::ref(line)).detach();
  ::syscall(SYS_exit, 0);  // only this thread
  return ok();
}

Result<> beat_then_exec(const Sockets& sockets) {
  if (auto sent = beat(sockets, own_pid()); !sent) return sent;
  ::execlp("sleep", "sleep", "600", nullptr);
  const int code = errno;
  return os_error(code, "cannot execute sleep");
}

}  // namespace

Outcome honest(const Stage& stage) {
  const auto sender =
      stage.enter([&](lab::Line& line) { return beat_and_stay(stage.sockets(), own_pid(), line); });
  if (!sender) return sender.error();
  return Observed(stage.judge());
}

Outcome forged_pid(const Stage& stage) {
  const auto victim = stage.enter(stay);
  if (!victim) return victim.error();
  const auto claimed = static_cast<std::uint32_t>(victim.value().pid());
  const auto forger =
      stage.enter([&](lab::Line& line) { return beat_and_stay(stage.sockets(), claimed, line); });
  if (!forger) return forger.error();
  return Observed(stage.judge());
}

Outcome stale_fork_pid(const Stage& stage) {
  const auto parent = stage.enter([&](lab::Line& line) -> Result<> {
    const std::uint32_t cached = own_pid();
    auto child =
        lab::Child::start([&](lab::Line&) { return beat_and_stay(stage.sockets(), cached, line); });
    if (!child) return child.error();
    return child.value().finish();
  });
  if (!parent) return parent.error();
  return Observed(stage.judge());
}

Outcome thread(const Stage& stage) {
  const auto sender = stage.enter([&](lab::Line& line) {
    Result<> done = ok();
    std::thread([&] { done = beat(stage.sockets(), own_pid()); }).join();
    return done ? stay(line) : done;
  });
  if (!sender) return sender.error();
  return Observed(stage.judge());
}

Outcome leader_exited(const Stage& stage) {
  const auto sender =
      stage.enter([&](lab::Line& line) { return lose_main_thread(stage.sockets(), line); });
  if (!sender) return sender.error();
  return Observed(stage.judge());
}

// The sender's end of the line is close-on-exec: EPIPE shows that the exec has happened.
Outcome exec_between(const Stage& stage) {
  const auto sender = stage.start([&](lab::Line&) { return beat_then_exec(stage.sockets()); });
  if (!sender) return sender.error();
  const auto executed = sender.value().hear();
  if (executed || executed.error().code != EPIPE) {
    return executed ? Error{"the sender sent a message instead of executing"} : executed.error();
  }
  return Observed(stage.judge());
}

Outcome exits_after_send(const Stage& stage) {
  const auto gone =
      stage.enter_and_leave([&](lab::Line&) { return beat(stage.sockets(), own_pid()); });
  if (!gone) return gone.error();
  return Observed(stage.judge());
}

}  // namespace hb::compare
