// The program that this process runs.
#pragma once

#include <string>

#include "base/result.hpp"

namespace hb {

// Its path in this mount namespace. Fails when it has been deleted or lies out of sight.
[[nodiscard]] Result<std::string> own_executable();

}  // namespace hb
