#include "daemon/priority.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <cerrno>
#include <string>

namespace hb::daemon {

Result<> take_priority(int nice) {
  if (::setpriority(PRIO_PROCESS, 0, nice) == 0) return ok();  // 0: this thread (setpriority(2))
  const int code = errno;
  return os_error(code, "cannot run at nice " + std::to_string(nice) +
                            " (CAP_SYS_NICE or RLIMIT_NICE allows it)");
}

// Setting the flag needs no privilege, clearing it would (sched(7)).
Result<> keep_priority_to_ourselves() {
  const int policy = ::sched_getscheduler(0);
  sched_param parameters{};
  if (policy >= 0 && ::sched_getparam(0, &parameters) == 0 &&
      ::sched_setscheduler(0, policy | SCHED_RESET_ON_FORK, &parameters) == 0) {
    return ok();
  }
  const int code = errno;
  return os_error(code, "cannot reset the priority of child processes (SCHED_RESET_ON_FORK)");
}

}  // namespace hb::daemon
