// What the kernel says of a process's time and memory: /proc/PID/stat (proc(5)).
#pragma once

#include <cstdint>
#include <optional>

#include "base/fd.hpp"

namespace hb {

struct ProcessStat {
  double cpu_s = 0;  // user and system
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t threads = 0;
  double start_unix_s = 0;
};

// Of this process, also for those that it forks: the file stays its own. No descriptor where /proc
// is not mounted.
[[nodiscard]] Fd open_own_stat();

// Now. nullopt: it cannot be read, or the process has ended.
[[nodiscard]] std::optional<ProcessStat> read_stat(const Fd& stat);

}  // namespace hb
