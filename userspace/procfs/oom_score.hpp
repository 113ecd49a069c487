// This process's oom_score_adj (proc_pid_oom_score_adj(5)).
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// For reading and writing, at offset 0; close-on-exec. Stays writable after privileges are dropped.
[[nodiscard]] Result<Fd> open_own_oom_score();

}  // namespace hb
