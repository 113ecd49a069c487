// --nice: raises the priority of the loop, but not that of its child processes.
//
// Order of calls: take_priority() while privileged; start the threads that shall inherit it;
// keep_priority_to_ourselves(). After that, children have the nice value 0 (if ours is negative)
// and no realtime policy. Scheduling policy and CPU affinity are not changed.
#pragma once

#include "base/result.hpp"

namespace hb::daemon {

inline constexpr int kHighestPriority = -20;  // as nice(1)
inline constexpr int kLowestPriority = 19;

// For the calling thread and the threads that it creates later. The Error says what would permit
// it.
[[nodiscard]] Result<> take_priority(int nice);

[[nodiscard]] Result<> keep_priority_to_ourselves();

}  // namespace hb::daemon
