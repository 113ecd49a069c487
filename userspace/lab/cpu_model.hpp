// The processor's model name, from /proc/cpuinfo.
#pragma once

#include <string>

namespace hb {

// Empty if unknown.
[[nodiscard]] std::string cpu_model();

}  // namespace hb
