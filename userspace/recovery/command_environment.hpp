// The environment of a recovery command: the operator's variables, and what is known of the agent
// (README.md has the list).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "recovery/recovery_means.hpp"

namespace hb {

// What may be in a recovery command's environment: a NAME of letters, digits and _ that does not
// begin with a digit, none of ours (HB_...), and a value. The Error says what is wrong.
[[nodiscard]] Result<> check_variable(const std::string& text);

// "NAME=value", and PATH=/usr/bin:/bin unless it has a PATH of its own.
[[nodiscard]] std::vector<std::string> with_path(std::vector<std::string> environment);

// `environment` and all of HB_... `uid_now`: the agent's present real uid, if it is known.
[[nodiscard]] std::vector<std::string> environment_for(const std::vector<std::string>& environment,
                                                       const RecoveryTarget& target,
                                                       std::optional<std::uint32_t> uid_now);

}  // namespace hb
