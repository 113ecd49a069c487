// The PID namespace of the process that has a pid now, which need not be the one that sent
// something.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace hb {

// The inode behind /proc/<pid>/ns/pid. Fails with ENOENT when there is no such process any more,
// and with EACCES without permission (PTRACE_MODE_READ_FSCREDS, ptrace(2)).
[[nodiscard]] Result<std::uint32_t> pid_namespace_of(std::uint32_t pid);

[[nodiscard]] Result<std::uint32_t> own_pid_namespace();

}  // namespace hb
