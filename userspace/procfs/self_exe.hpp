// The program that this process runs.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hb {

// Its path in this mount namespace. Fails when it has been deleted or is not visible here.
[[nodiscard]] Result<std::string> own_executable();

// The path of a file in the same directory, whether or not it exists.
[[nodiscard]] Result<std::string> beside_own_executable(std::string_view name);

}  // namespace hb
