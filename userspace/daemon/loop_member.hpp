// LoopMember: something that lives in the run loop beside the observer: hears of every event, may
// want to be woken, and works in small steps that never block.
#pragma once

#include <cstdint>

#include "daemon/progress.hpp"
#include "observer/event.hpp"
#include "observer/source.hpp"

namespace hb::daemon {

class LoopMember {
 public:
  virtual ~LoopMember() = default;

  // Every event, in its order, whatever the stream on standard output shows.
  virtual void handle(const Event& event) = 0;

  // After every wait, and after the events of a turn.
  virtual void tick(std::uint64_t /*now_ns*/) {}

  // A descriptor that becomes readable when tick() has work (an epoll descriptor stands for many),
  // or -1; and when tick() wants to be called even so, on CLOCK_MONOTONIC.
  [[nodiscard]] virtual int fd() const { return -1; }
  [[nodiscard]] virtual std::uint64_t wake_ns() const { return Source::kNever; }

  // What the loop does while it calls this member.
  [[nodiscard]] virtual Step step() const { return Step::OtherMember; }

  // Whether reopen() does anything. Where one member's does, SIGHUP does not end the program.
  [[nodiscard]] virtual bool has_files() const { return false; }
  // SIGHUP came: open files again, under their names.
  virtual void reopen() {}
};

}  // namespace hb::daemon
