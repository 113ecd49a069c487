// A tracepoint as a perf event, to which a BPF program can be attached.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::kernel {

// `name`: as below /sys/kernel/tracing/events, such as "sched/sched_process_exit". tracefs need not
// be mounted. Needs CAP_SYS_ADMIN and the right to read below tracefs (root has it), or that right
// alone where it is mounted; and CAP_PERFMON.
[[nodiscard]] Result<Fd> open_trace_event(const char* name);

}  // namespace hb::kernel
