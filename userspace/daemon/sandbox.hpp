// Sandbox: the system calls that are left to the observer once everything is open: a seccomp filter
// for all of its threads (seccomp(2)).
//
// A list of what it needs; everything else is refused with EPERM, counted, and told in the log.
// Whoever takes over the loop can execute no program, trace or signal no process, load no kernel
// program, make no socket that reaches the network, and mount nothing. Other processes of the
// observer (those that signal, run commands and walk cgroups) were forked before, and have limits
// of their own.
//
// A member of the run loop: one thread. One filter for the process; it cannot be taken off.
#pragma once

#include <cstdint>

#include "base/metric.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "daemon/loop_member.hpp"
#include "report/totals.hpp"

namespace hb::daemon {

class Sandbox final : public LoopMember {
 public:
  // False in a build with sanitizers, whose runtime needs what enter() and open_only()
  // (landlock.hpp) would refuse: call neither.
  [[nodiscard]] static bool is_possible();

  // After PR_SET_NO_NEW_PRIVS, and after the last thread has been made: none can be made then. The
  // Error: this kernel has no seccomp filters.
  static Result<> enter();

  void handle(const Event&) override {}
  // Tells of refusals, at most once a second.
  void tick(std::uint64_t now_ns) override;
  // Tells of those that were not told yet.
  void finish();

  static constexpr Metric kDenied{
      "sandbox_denied_total", "calls",
      "system calls of the observer that its own seccomp filter has refused"};
  [[nodiscard]] static std::uint64_t denied();
  static void append_totals(Totals& totals);

 private:
  static constexpr std::uint64_t kPause_ns = kNsPerSecond;

  std::uint64_t told_ = 0;
  std::uint64_t told_ns_ = 0;
};

}  // namespace hb::daemon
