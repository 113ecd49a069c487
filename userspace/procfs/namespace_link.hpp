// The PID namespace of a process, as /proc shows it: of whoever has that pid by now, which need not
// be whoever sent something from it.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace hb {

// The inode behind /proc/<pid>/ns/pid. Fails with ENOENT when there is no such process any more,
// and with EACCES when it may not be looked into (PTRACE_MODE_READ_FSCREDS, ptrace(2)).
[[nodiscard]] Result<std::uint32_t> pid_namespace_of(std::uint32_t pid);

[[nodiscard]] Result<std::uint32_t> own_pid_namespace();

}  // namespace hb
