// --nice: the loop runs before those who might flood it, its children do not.
//
// In this order: take_priority() while privileged; whatever threads shall have the same priority;
// keep_priority_to_ourselves(). Then everything that is forked has the nice value 0 (where ours is
// below) and no realtime policy. Policy and CPUs stay what the service manager chose.
#pragma once

#include "base/result.hpp"

namespace hb::daemon {

inline constexpr int kHighestPriority = -20;  // nice(1)'s numbers: less is more
inline constexpr int kLowestPriority = 19;

// Of the calling thread and those that it makes later. The Error says what would allow it.
[[nodiscard]] Result<> take_priority(int nice);

[[nodiscard]] Result<> keep_priority_to_ourselves();

}  // namespace hb::daemon
