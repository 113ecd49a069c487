// What recovery needs of the start, while the observer is privileged, has one thread and no key in
// memory: the processes that act for it, each with the privileges that it needs and no other.
#pragma once

#include <sys/resource.h>

#include <memory>
#include <optional>

#include "base/result.hpp"
#include "daemon/config.hpp"
#include "recovery/cgroup_services.hpp"
#include "recovery/delegated_cgroup.hpp"
#include "recovery/forked_runner.hpp"
#include "recovery/service_policy.hpp"
#include "recovery/signaller.hpp"

namespace hb::daemon {

struct PreparedRecovery {
  Policies policies;
  std::unique_ptr<Signaller> signaller;     // signals agents; nullptr: no signal is wanted
  std::unique_ptr<ForkedRunner> runner;     // runs commands; nullptr: none is wanted
  std::unique_ptr<CgroupServices> cgroups;  // nullptr: no recovery, or no cgroup v2 hierarchy
  std::optional<DelegatedCgroup> cgroup;    // for those of commands, if there is one
};

// As the user that the observer is to become, if it is to become one. `descriptors`: RLIMIT_NOFILE
// of commands; unset: the observer's. Warns where agents cannot be signalled with their users'
// authority, or not be told apart by their units.
[[nodiscard]] Result<PreparedRecovery> prepare_recovery(const RunConfig& options, Policies policies,
                                                        std::optional<rlimit> descriptors);

// Whether a uid means here what it means in a stamp. If that is not known, it does not: then nobody
// is acted upon by it.
[[nodiscard]] bool uids_mean_the_same();

}  // namespace hb::daemon
