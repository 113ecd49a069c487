// The part of diagnosis.hpp about privileges and limits of this process.
#pragma once

#include "kernel/diagnosis.hpp"

namespace hb::kernel {

[[nodiscard]] bool kernel_is_at_least(int major, int minor);

// What the program needs to be loaded.
[[nodiscard]] Finding privileges();

// Before Linux 5.11 maps and programs count as locked memory. `refused`: errno of the load, or 0.
[[nodiscard]] Finding locked_memory(int refused);

[[nodiscard]] Finding exits(const StampProgram& program);

// Of what `run` does beside observing: its nice value, and recovery by signals.
[[nodiscard]] Finding priority();
[[nodiscard]] Finding signalling();

}  // namespace hb::kernel
