// LoopMember: a part of the run loop beside the observer. It is given every event, may ask to be
// woken, and works in small steps that do not block.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/exit_code.hpp"
#include "daemon/progress.hpp"
#include "observer/event.hpp"
#include "observer/source.hpp"

namespace hb::daemon {

class LoopMember {
 public:
  virtual ~LoopMember() = default;

  // Every event, in order, also those that the stream on standard output does not show.
  virtual void handle(const Event& event) = 0;

  // After every wait, and after the events of a turn.
  virtual void tick(std::uint64_t /*now_ns*/) {}

  // After a tick(): the loop is to end with that code. The member has logged why.
  [[nodiscard]] virtual std::optional<ExitCode> ends_with() const { return std::nullopt; }

  // A descriptor that becomes readable when tick() has work (it may be an epoll descriptor), or -1;
  // and when tick() must be called in any case, on CLOCK_MONOTONIC.
  [[nodiscard]] virtual int fd() const { return -1; }
  [[nodiscard]] virtual std::uint64_t wake_ns() const { return Source::kNever; }

  // The step that the watchdog reports while the loop calls this member.
  [[nodiscard]] virtual Step step() const { return Step::OtherMember; }

  // Whether reopen() does anything.
  [[nodiscard]] virtual bool has_files() const { return false; }
  // SIGHUP: opens or reads files again, at their paths.
  virtual void reopen() {}
  // SIGUSR1.
  virtual void tell_counters() {}
};

}  // namespace hb::daemon
