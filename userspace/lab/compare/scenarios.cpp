#include <algorithm>
#include <array>

#include "lab/compare/plays.hpp"

namespace hb::compare {
namespace {

using enum Conclusion;

constexpr std::array kScenarios = {
    Scenario{"honest", "a process claims its own pid", Beat, honest},
    Scenario{"forged_pid", "claims another live process's pid", AuthFailure, forged_pid},
    Scenario{"stale_fork_pid", "a forked child still claims its parent's pid", AuthFailure,
             stale_fork_pid},
    Scenario{"thread", "a second thread sends", Beat, thread},
    Scenario{"leader_exited", "the main thread is gone, another sends", Beat, leader_exited},
    Scenario{"exec_between", "the sender execs between sending and reading", Beat, exec_between},
    Scenario{"exits_after_send", "the sender is gone and reaped before the read", Beat,
             exits_after_send},
    Scenario{"pid_reused_foreign",
             "an honest sender is gone; its pid belongs to a process in another PID namespace",
             Beat, pid_reused_foreign},
    Scenario{"pid_reused_native",
             "a foreigner who claimed its pid here is gone; the pid belongs to a host process",
             NamespaceConflict, pid_reused_native},
    Scenario{"scm_spoof", "root puts a victim's pid into SCM_CREDENTIALS and into the frame",
             AuthFailure, scm_spoof},
    Scenario{"private_namespace", "an honest agent in its own PID namespace", NamespaceConflict,
             private_namespace},
    Scenario{"nested_namespace", "the same, three levels down", NamespaceConflict,
             nested_namespace},
    Scenario{"sibling_namespace",
             "in a namespace that the observer cannot see, claiming a pid that exists beside it",
             AuthFailure, sibling_namespace},
    Scenario{"unshared_not_forked", "unshare(CLONE_NEWPID), no fork, sends", Beat,
             unshared_not_forked},
    Scenario{"user_namespace",
             "an unprivileged user, root in its own namespaces, forges a sibling's credentials",
             AuthFailure, user_namespace},
    Scenario{"inherited_socket",
             "a socket connected by a host process, used by a child in a private namespace",
             NamespaceConflict, inherited_socket},
    Scenario{"io_uring", "sent through io_uring, and again with SQPOLL", Beat, io_uring},
    Scenario{"hidden_proc", "the observer's /proc is hidden after its start", Beat, hidden_proc},
    Scenario{"oci_container", "an agent in a container made by an OCI runtime", NamespaceConflict,
             oci_container},
    Scenario{"flood_orphans", "10,000 sends on a full queue while an honest process beats", Beat,
             flood_orphans},
};

}  // namespace

std::span<const Scenario> scenarios() { return kScenarios; }

const Scenario* find_scenario(std::string_view name) {
  const auto found = std::find_if(kScenarios.begin(), kScenarios.end(),
                                  [&](const Scenario& scenario) { return scenario.name == name; });
  return found == kScenarios.end() ? nullptr : &*found;
}

}  // namespace hb::compare
