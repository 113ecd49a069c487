// The policy file: TOML, strict. What it may have is in README.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "recovery/service_policy.hpp"

namespace hb::daemon {

// `base`: the rules where neither the service nor [defaults] has any; `path` is for messages. In
// the order of the file. The Error has the place, "PATH:LINE:COLUMN: ": bad TOML, an unknown key, a
// wrong type or value, no steps, or two services that one process could belong to.
[[nodiscard]] Result<std::vector<ServicePolicy>> parse_policies(std::string_view text,
                                                                const std::string& path,
                                                                const ServiceRules& base);

}  // namespace hb::daemon
