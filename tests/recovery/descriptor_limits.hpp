// DescriptorLimits: RLIMIT_NOFILE of this process and of what it executes, while this lives.
//
// Nobody can raise the hard limit from then on, as CAP_SYS_RESOURCE is given up for all that is
// executed; so a lower one may remain for this process as well.
#pragma once

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace hb::test {

class DescriptorLimits {
 public:
  // `hard`: 0 is as it was.
  explicit DescriptorLimits(rlim_t soft, rlim_t hard = 0) {
    ::prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0UL, 0UL, 0UL);
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit limits{soft, hard != 0 ? hard : before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &limits);
  }
  DescriptorLimits(const DescriptorLimits&) = delete;
  DescriptorLimits& operator=(const DescriptorLimits&) = delete;
  ~DescriptorLimits() {
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    if (::setrlimit(RLIMIT_NOFILE, &before_) == 0) return;
    now.rlim_cur = now.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &now);
  }

  [[nodiscard]] const rlimit& before() const { return before_; }

 private:
  rlimit before_{};
};

}  // namespace hb::test
