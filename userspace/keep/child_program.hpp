// Starts a program with the descriptors that are kept for it (sd_listen_fds(3)).
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "keep/descriptor_name.hpp"
#include "keep/program_file.hpp"

namespace hb::keep {

struct ChildProgram {
  const ProgramFile& file;
  const std::vector<std::string>& argv;
  std::span<const NamedFd> descriptors;
  std::string notify_socket;
  sigset_t signals;  // blocked in the child
};

// The child is in a process group of its own, so that a terminal's Ctrl-C reaches only the keeper,
// and gets SIGTERM when the keeper ends before it. Where it cannot be executed it says so on
// standard error and ends with code 127. For a process with one thread.
[[nodiscard]] Result<pid_t> start(const ChildProgram& child);

}  // namespace hb::keep
