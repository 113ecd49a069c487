// OrphanReaper: what else PID 1 of a PID namespace (a container) has to do: a process whose parent
// has ended becomes its child, and stays a zombie until PID 1 reaps it.
//
// Leaves alone the children that somebody else waits for by pid. Woken by SIGCHLD, which it
// blocks: open it before a thread is created. Add it to the loop after whoever reaps the others.
// One thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "daemon/loop_member.hpp"

namespace hb::daemon {

class OrphanReaper final : public LoopMember {
 public:
  // `is_ours` says which children are not orphans and will be reaped soon by somebody else. Whoever
  // reaps a child later than that must do it by pidfd. nullptr: this process is not PID 1.
  static Result<std::unique_ptr<OrphanReaper>> open(std::function<bool(pid_t)> is_ours);

  void handle(const Event&) override {}
  void tick(std::uint64_t now_ns) override;
  [[nodiscard]] int fd() const override { return signals_.get(); }
  [[nodiscard]] std::uint64_t wake_ns() const override;

 private:
  // What the next look has to expect.
  enum class Rest { Nobody, MoreOrphans, OneOfOurs };

  OrphanReaper(std::function<bool(pid_t)> is_ours, Fd signals);

  [[nodiscard]] bool take_signal() const;
  [[nodiscard]] Rest reap_some() const;

  const std::function<bool(pid_t)> is_ours_;
  const Fd signals_;
  Rest rest_ = Rest::MoreOrphans;  // some may have ended before
};

}  // namespace hb::daemon
