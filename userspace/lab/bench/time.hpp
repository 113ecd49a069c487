// The clocks that measurements read.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>

#include "base/result.hpp"

namespace hb::bench {

[[nodiscard]] timespec as_timespec(std::uint64_t ns);

// CLOCK_MONOTONIC: the same for all processes.
[[nodiscard]] std::uint64_t now_ns();

// The CPU time, user and system, of this thread, or of the process `pid`.
[[nodiscard]] std::uint64_t thread_cpu_ns();
[[nodiscard]] Result<std::uint64_t> process_cpu_ns(pid_t pid);

void sleep_until_ns(std::uint64_t deadline_ns);

}  // namespace hb::bench
