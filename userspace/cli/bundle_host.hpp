// Facts about this host and this process, for support-bundle.
#pragma once

#include <nlohmann/json.hpp>

namespace hb::cli {

[[nodiscard]] nlohmann::ordered_json bundle_kernel();

// As whom, with what rights and limits the bundle is made: doctor speaks of those.
[[nodiscard]] nlohmann::ordered_json bundle_process();

}  // namespace hb::cli
