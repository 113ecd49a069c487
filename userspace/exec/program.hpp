// Starting programs, for `hb-ebpf exec`.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.hpp"

namespace hb::exec {

using Argv = std::vector<std::string>;

// Becomes the program, which is looked for in PATH, and gets SIGPIPE as usual, which this program
// ignores; returns only if that fails: errno.
[[nodiscard]] int become(const Argv& argv);

// The exit code of a program that could not be executed, as shells have it.
[[nodiscard]] int not_executed(int code);

// In a child, which has no signal blocked, and gets SIGKILL when this thread ends. `prepare` runs
// in it. Returns when the program runs. The Error, with an errno: there can be no child, or the
// program cannot be executed. For a process with one thread.
[[nodiscard]] Result<pid_t> start_program(const Argv& argv, void (*prepare)());

}  // namespace hb::exec
