// The resident memory of a process.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.hpp"

namespace hb {

// Bytes of a process's pages that are in memory now, shared ones included (VmRSS, proc(5)).
[[nodiscard]] Result<std::uint64_t> resident_bytes(pid_t pid);

}  // namespace hb
