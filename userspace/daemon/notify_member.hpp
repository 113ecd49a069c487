// NotifyMember: tells the service manager that agents can send, that files are read again on
// SIGHUP, what is observed, that the program ends, and, if it wants to be told, that all is well.
//
// All is well (WATCHDOG=1) if the loop turns, and agents were found to reach the observer since the
// last time: its own frame went by the socket's path through the kernel program, and its stamp was
// read from the ring (ReachMember). So what hangs, and what nobody can reach, is restarted.
//
// A member of the run loop: one thread. Added behind ReachMember, whose check a tick() is to see,
// and before all others, which reopen() what this announces. Does nothing without a service
// manager. Borrows all that it is given.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/loop_member.hpp"
#include "daemon/reach_member.hpp"
#include "daemon/service_manager.hpp"
#include "observer/observer.hpp"

namespace hb::daemon {

class NotifyMember final : public LoopMember {
 public:
  // `path`: of the socket.
  NotifyMember(ServiceManager& manager, const ReachMember& reach, const Observer& observer,
               std::string path);

  // Agents can send.
  void begin(std::uint64_t now_ns);
  // The program ends.
  void finish();

  void handle(const Event&) override {}
  void reopen() override;
  void tick(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t wake_ns() const override { return wake_ns_; }

 private:
  [[nodiscard]] std::string status() const;
  void tell_status();
  void tell_ready();
  void feed();

  ServiceManager& manager_;
  const ReachMember& reach_;
  const Observer& observer_;
  const std::string path_;
  const std::uint64_t period_ns_;
  std::uint64_t next_ns_ = 0;
  std::uint64_t wake_ns_ = Source::kNever;
  bool was_lost_ = false;
  bool owes_ready_ = false;
  bool owes_food_ = false;           // WATCHDOG=1
  std::uint64_t fed_proven_ns_ = 0;  // the check that the last WATCHDOG=1 was about
  std::string told_status_;
};

}  // namespace hb::daemon
