// CommandPriority: commands run as normal processes, however the observer itself is protected.
//
// Scheduling policy SCHED_OTHER, nice 0, the usual timer slack, no I/O priority, and an
// oom_score_adj of their own. CPU affinity is inherited: the observer does not change it.
//
// The observer has no capability left when it starts a command, so prepare() has what the kernel
// would refuse then: RLIMIT_NICE allows a child to return to nice 0, and an oom_score_adj below the
// observer's is permitted by having had it once (oom_score_adj_min in fs/proc/base.c). One thread.
#pragma once

#include <sys/resource.h>

#include <functional>
#include <optional>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// Opens this process's oom_score_adj, for reading and writing at offset 0.
using OpenOomScore = std::function<Result<Fd>()>;

class CommandPriority {
 public:
  // -1000..1000 as in proc_pid_oom_score_adj(5). Without one: the observer's now, but not below 0,
  // since what protects the observer shall not protect what a command starts. Call it while
  // privileged. Without `open`, commands have the observer's. The Error: one was given and cannot
  // be had.
  [[nodiscard]] static Result<CommandPriority> prepare(std::optional<int> oom_score_adj,
                                                       const OpenOomScore& open);

  // In a child, between vfork and exec: async-signal-safe. 0, or the errno of what failed first.
  [[nodiscard]] int take() const;

  // A child inherits oom_score_adj from its parent, and may not be able to write its own (an
  // observer that is not dumpable and not root). So the observer has it while it starts one.
  // The Error says why the child will have the observer's.
  [[nodiscard]] Result<> lend_oom_score();
  [[nodiscard]] Result<> take_oom_score_back();

 private:
  CommandPriority() = default;

  Result<> prepare_oom_score(std::optional<int> wanted, const OpenOomScore& open);
  void allow_normal_nice();

  Fd oom_score_;  // stays writable after privileges are dropped
  std::optional<Error> oom_problem_;
  int oom_score_of_commands_ = 0;
  std::optional<int> oom_score_to_restore_;
  std::optional<rlimit> nice_limit_to_restore_;  // in the child
};

}  // namespace hb
