// Signaller: signals to agents, each sent with the authority of the agent's own user and with no
// more (signaller_process.hpp), by a process beside the observer.
//
// Why a process of its own, from the start: the observer needs no capability to signal and never
// changes its uid; what the short-lived senders inherit is the memory of a process that was forked
// before any key was read; and forking it is cheap however much the observer holds.
//
//   if (signaller.authority().covers(uid) && signaller.has_room_for(uid)) signaller.send(...);
//   when fd() is readable or wake_ns() has come:
//     while (auto ended = signaller.next(now_ns)) ...
//
// Owns the process; ended and reaped at the latest when this goes. Never blocks, but in start() and
// in the destructor. When the process has ended before its time, whatever was under way and all
// that is sent later comes back as NotSent with EPIPE. One thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "observer/event.hpp"
#include "recovery/signaller_process.hpp"
#include "recovery/signaller_wire.hpp"

namespace hb {

// A signal that was asked for, and what came of it.
struct EndedSignal {
  Stall stall;
  std::uint64_t acted_ns = 0;
  SignalAnswer::Kind kind = SignalAnswer::Kind::NotSent;
  int code = 0;
  int signal = 0;
};

class Signaller {
 public:
  // How long a sender may take: only its user, or a machine under great load, can slow it down.
  static constexpr std::uint64_t kPatience_ns = 5 * kNsPerSecond;

  // Forks: before any other thread, and before there is a secret in memory. `prepare` is run in the
  // new process. The Error: that failed, or the fork did.
  [[nodiscard]] static Result<std::unique_ptr<Signaller>> start(const PrepareSignaller& prepare);
  Signaller(const Signaller&) = delete;
  Signaller& operator=(const Signaller&) = delete;
  ~Signaller();

  [[nodiscard]] const SignalAuthority& authority() const { return authority_; }
  // The process has ended before its time.
  [[nodiscard]] bool is_lost() const { return !socket_; }
  // Of a user's signals, who can hold them up, only so many may be under way at once.
  [[nodiscard]] bool has_room_for(std::uint32_t uid) const;
  [[nodiscard]] std::size_t running() const { return pending_.size() + ended_.size(); }

  // To the process behind `pidfd`, as `uid`, because of `stall`.
  void send(const Fd& pidfd, std::uint32_t uid, int signal, const Stall& stall,
            std::uint64_t now_ns);

  [[nodiscard]] int fd() const { return epoll_.get(); }
  [[nodiscard]] std::uint64_t wake_ns() const;
  std::optional<EndedSignal> next(std::uint64_t now_ns);

  // Whatever is under way counts as TimedOut.
  void give_up();

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  // Its requests fit into the socket's buffer (net.core.wmem_default).
  static constexpr std::size_t kMaxPending = 200;
  static constexpr std::size_t kMaxPendingOfUser = kMaxPending / 4;

  struct Pending {
    std::uint64_t id;
    Stall stall;
    std::uint64_t acted_ns;
    std::uint64_t give_up_ns;
    int signal;
  };

  Signaller(pid_t pid, Fd pidfd, Fd socket, Fd epoll);

  void look(std::uint64_t now_ns);
  void receive_answers();
  void lose_process();
  void end(std::size_t index, SignalAnswer::Kind kind, int code);
  void end_all(SignalAnswer::Kind kind, int code);

  const pid_t pid_;
  const Fd pidfd_;
  Fd socket_;  // closed: the process has ended
  const Fd epoll_;
  SignalAuthority authority_;
  std::uint64_t last_id_ = 0;
  std::uint64_t idle_look_ns_ = 0;  // the next look while nothing is under way
  std::vector<Pending> pending_;
  std::deque<EndedSignal> ended_;
};

}  // namespace hb
