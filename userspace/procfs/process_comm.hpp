// What a process calls itself, read from /proc.
#pragma once

#include <cstdint>

#include "identity/comm.hpp"

namespace hb {

// Not known: there is no such process, or it cannot be read.
[[nodiscard]] Comm comm_of(std::uint32_t pid);

}  // namespace hb
