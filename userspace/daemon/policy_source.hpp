// Where the policies of recovery come from: the flags, or --policy-file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/config.hpp"
#include "recovery/service_policy.hpp"

namespace hb::daemon {

// What the flags say, also where a policy file says nothing.
[[nodiscard]] ServiceRules rules_of_flags(const RecoveryConfig& options,
                                          std::uint64_t threshold_ms);

// The Error names file, place and remedy.
[[nodiscard]] Result<Policies> read_policies(const RecoveryConfig& options,
                                             std::uint64_t threshold_ms);

// What reading the file anew has changed, in words: "new: a; changed: b, c; gone: d", or "nothing".
[[nodiscard]] std::string difference(const Policies& before, const Policies& after);

}  // namespace hb::daemon
