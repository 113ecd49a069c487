#include "recovery/command_priority.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

namespace hb {
namespace {

constexpr rlim_t kNormalNice = 20;  // RLIMIT_NICE counts from 20 downwards: this is nice 0
constexpr unsigned long kNormalTimerSlack_ns = 50'000;  // init's (init/init_task.c)
constexpr int kIoprioWhoProcess = 1;  // linux/ioprio.h, which older headers do not have

Result<int> read_score(const Fd& file) {
  std::array<char, 16> text{};
  const ssize_t length = ::pread(file.get(), text.data(), text.size() - 1, 0);
  const int code = errno;
  if (length <= 0) return os_error(code, "cannot read oom_score_adj");
  return std::atoi(text.data());
}

Result<> write_score(const Fd& file, int score) {
  const std::string text = std::to_string(score);
  if (::pwrite(file.get(), text.data(), text.size(), 0) >= 0) return ok();
  const int code = errno;
  return os_error(code, "cannot set oom_score_adj " + text);
}

// Takes CAP_SYS_RESOURCE out of the effective set for a while.
class WithoutSysResource {
 public:
  WithoutSysResource() {
    if (::syscall(SYS_capget, &header_, before_) != 0) return;
    __user_cap_data_struct without[_LINUX_CAPABILITY_U32S_3];
    std::copy(std::begin(before_), std::end(before_), std::begin(without));
    without[0].effective &= ~(1U << CAP_SYS_RESOURCE);
    is_taken_ = ::syscall(SYS_capset, &header_, without) == 0;
  }
  WithoutSysResource(const WithoutSysResource&) = delete;
  WithoutSysResource& operator=(const WithoutSysResource&) = delete;
  ~WithoutSysResource() {
    if (is_taken_) ::syscall(SYS_capset, &header_, before_);
  }

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct before_[_LINUX_CAPABILITY_U32S_3]{};
  bool is_taken_ = false;
};

// Writing a score with CAP_SYS_RESOURCE also makes it the lowest that may be set without.
Result<> permit_lower_score(const Fd& file, int lower, int own) {
  if (auto lowered = write_score(file, lower); !lowered) {
    return Error{lowered.error().message + " (CAP_SYS_RESOURCE allows it)", lowered.error().code};
  }
  const WithoutSysResource permission_is_kept;
  return write_score(file, own);
}

int set_normal_policy() {
  const sched_param normal{};
  return ::sched_setscheduler(0, SCHED_OTHER, &normal) == 0 ? 0 : errno;
}

int set_normal_nice() { return ::setpriority(PRIO_PROCESS, 0, 0) == 0 ? 0 : errno; }

// The child of a realtime thread would have none, and wake its own timers at once (kernel/fork.c).
int set_normal_timer_slack() {
  if (::prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL) != 0) return 0;
  return ::prctl(PR_SET_TIMERSLACK, kNormalTimerSlack_ns, 0UL, 0UL, 0UL) == 0 ? 0 : errno;
}

// A kernel without block devices has no such call.
int unset_io_priority() {
  if (::syscall(SYS_ioprio_set, kIoprioWhoProcess, 0, 0) == 0) return 0;
  return errno == ENOSYS ? 0 : errno;
}

int restore_nice_limit(const rlimit& limit) {
  return ::setrlimit(RLIMIT_NICE, &limit) == 0 ? 0 : errno;
}

}  // namespace

Result<CommandPriority> CommandPriority::prepare(std::optional<int> oom_score_adj,
                                                 const OpenOomScore& open) {
  CommandPriority priority;
  priority.allow_normal_nice();
  if (!open) return priority;
  if (auto prepared = priority.prepare_oom_score(oom_score_adj, open); !prepared) {
    if (oom_score_adj) return prepared.error();
    priority.oom_problem_ = prepared.error();
  }
  return priority;
}

Result<> CommandPriority::prepare_oom_score(std::optional<int> wanted, const OpenOomScore& open) {
  auto opened = open();
  if (!opened) return opened.error();
  oom_score_ = std::move(opened).value();
  const auto own = read_score(oom_score_);
  if (!own) return own.error();
  oom_score_of_commands_ = wanted.value_or(std::max(own.value(), 0));
  if (oom_score_of_commands_ >= own.value()) return ok();
  return permit_lower_score(oom_score_, oom_score_of_commands_, own.value());
}

// Where it is not allowed, take() will say so if it is needed.
void CommandPriority::allow_normal_nice() {
  rlimit before{};
  if (::getrlimit(RLIMIT_NICE, &before) != 0 || before.rlim_cur >= kNormalNice) return;
  const rlimit raised{kNormalNice, std::max(before.rlim_max, kNormalNice)};
  if (::setrlimit(RLIMIT_NICE, &raised) == 0) nice_limit_to_restore_ = before;
}

// Nice first: RLIMIT_NICE may allow SCHED_IDLE to be left only for the nice value that is had.
int CommandPriority::take() const {
  const int nice = set_normal_nice();
  const int policy = set_normal_policy();
  const int slack = set_normal_timer_slack();
  const int io = unset_io_priority();
  const int limit = nice_limit_to_restore_ ? restore_nice_limit(*nice_limit_to_restore_) : 0;
  for (const int code : {nice, policy, slack, io}) {
    if (code != 0) return code;
  }
  return limit;
}

Result<> CommandPriority::lend_oom_score() {
  if (oom_problem_) return *oom_problem_;
  if (!oom_score_) return ok();
  const auto own = read_score(oom_score_);
  if (!own) return own.error();
  if (own.value() == oom_score_of_commands_) return ok();
  auto lent = write_score(oom_score_, oom_score_of_commands_);
  if (lent) oom_score_to_restore_ = own.value();
  return lent;
}

Result<> CommandPriority::take_oom_score_back() {
  if (!oom_score_to_restore_) return ok();
  auto restored = write_score(oom_score_, *oom_score_to_restore_);
  oom_score_to_restore_.reset();
  return restored;
}

}  // namespace hb
