// OrphanReaper: what else PID 1 of a PID namespace (a container) has to do: a process whose parent
// has ended becomes its child, and stays a zombie until PID 1 reaps it.
//
// Also reaps the observer's other processes: whoever waits for one of them must do it by pidfd.
// Woken by SIGCHLD, which it blocks: open it before a thread is created. One thread.
#pragma once

#include <sys/types.h>

#include <memory>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "daemon/loop_member.hpp"

namespace hb::daemon {

class OrphanReaper final : public LoopMember {
 public:
  // nullptr: this process is not PID 1.
  static Result<std::unique_ptr<OrphanReaper>> open();

  void handle(const Event&) override {}
  void tick(std::uint64_t now_ns) override;
  [[nodiscard]] int fd() const override { return signals_.get(); }
  [[nodiscard]] std::uint64_t wake_ns() const override;

 private:
  explicit OrphanReaper(Fd signals);

  [[nodiscard]] bool take_signal() const;
  // False: there may be more.
  [[nodiscard]] static bool reap_some();

  const Fd signals_;
  bool may_have_more_ = true;  // some may have ended before
};

}  // namespace hb::daemon
