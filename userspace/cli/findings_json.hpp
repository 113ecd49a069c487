// What doctor prints with --format json.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "kernel/diagnosis.hpp"

namespace hb::cli {

[[nodiscard]] nlohmann::ordered_json findings_as_json(const std::vector<kernel::Finding>& findings);

}  // namespace hb::cli
