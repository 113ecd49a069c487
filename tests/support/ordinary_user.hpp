// An observer that is not root: an ordinary user with some capabilities, as a service gets them
// from AmbientCapabilities=. Needs root to begin with.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "tests/support/process.hpp"

namespace hb::test {

inline constexpr uid_t kOrdinaryUid = 65531;  // nobody's

// CAP_BPF and CAP_PERFMON: what attesting needs. (CAP_SETUID, CAP_SETGID, CAP_KILL): what
// signalling agents of all users needs as well.
inline const std::vector<int> kTwoCapabilities = {39, 38};
inline const std::vector<int> kToSignalAllUsers = {39, 38, 7, 6, 5};

// In a child, before an exec of as_ordinary(): this user and group, no other group, these
// capabilities in all sets, no other in the bounding set. Ends the process when that fails.
void become_ordinary(const std::vector<int>& capabilities);

// hb_ebpf(arguments), by a descriptor that become_ordinary() opens: the user may have no way to the
// binary.
Argv as_ordinary(Argv arguments);

Outcome run_to_end_as_ordinary(const Argv& arguments, const std::vector<int>& capabilities);

// A directory of the test becomes the ordinary user's; everybody may pass.
void give_to_ordinary(const std::string& directory);

}  // namespace hb::test
