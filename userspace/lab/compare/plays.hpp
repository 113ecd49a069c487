// The functions of the scenarios, by file; scenarios.cpp describes each.
#pragma once

#include "lab/compare/scenario.hpp"

namespace hb::compare {

// processes.cpp
Outcome honest(const Stage& stage);
Outcome forged_pid(const Stage& stage);
Outcome stale_fork_pid(const Stage& stage);
Outcome thread(const Stage& stage);
Outcome leader_exited(const Stage& stage);
Outcome exec_between(const Stage& stage);
Outcome exits_after_send(const Stage& stage);

// recycling.cpp
Outcome pid_reused_foreign(const Stage& stage);
Outcome pid_reused_native(const Stage& stage);

// credentials.cpp
Outcome scm_spoof(const Stage& stage);
Outcome user_namespace(const Stage& stage);

// namespaces.cpp
Outcome private_namespace(const Stage& stage);
Outcome nested_namespace(const Stage& stage);
Outcome unshared_not_forked(const Stage& stage);
Outcome inherited_socket(const Stage& stage);

// sibling_namespace.cpp
Outcome sibling_namespace(const Stage& stage);

// io_uring.cpp
Outcome io_uring(const Stage& stage);

// hidden_proc.cpp
Outcome hidden_proc(const Stage& stage);

// oci_container.cpp
Outcome oci_container(const Stage& stage);

// flood_orphans.cpp
Outcome flood_orphans(const Stage& stage);

}  // namespace hb::compare
