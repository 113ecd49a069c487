// What the machine calls its processor.
#pragma once

#include <string>

namespace hb {

// Empty where nobody says.
[[nodiscard]] std::string cpu_model();

}  // namespace hb
