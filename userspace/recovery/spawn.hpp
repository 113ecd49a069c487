// Starting a program that shares nothing with us but a pipe.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "recovery/command_priority.hpp"

namespace hb {

struct Spawned {
  pid_t pid = -1;  // to be reaped by whoever has this; also its process group and its session
  Fd pidfd;
  Fd output;  // non-blocking: what it writes to standard output and standard error
  std::optional<Error>
      shortcoming;            // it runs, but not with all of the priority that it should have
  bool is_in_cgroup = false;  // in the one that was asked for
  std::optional<Error> cgroup_problem;  // why it is not
};

// Whether the system calls that spawn() needs are allowed here: a container's seccomp filter may
// deny them. The Error says which one is not, and what to do.
[[nodiscard]] Result<> check_spawn_is_allowed();

// Executes argv[0], a path, with this environment and nothing else of ours: a session of its own,
// no terminal, standard input empty, directory /, umask 022, every signal unblocked and as it is by
// default, no further descriptor, the priority of a command, and `descriptors` as RLIMIT_NOFILE
// (unset: ours). It is in the cgroup v2 of the directory `cgroup`, if that is given
// and possible, and otherwise in ours. Waits for the exec, not for the program, so that the Error
// has errno when it cannot be executed (ENOENT, EACCES, ENOEXEC, ...).
// Changes this process's signal mask and oom_score_adj for a moment: one thread.
[[nodiscard]] Result<Spawned> spawn(const std::vector<std::string>& argv,
                                    const std::vector<std::string>& environment,
                                    CommandPriority& priority,
                                    std::optional<rlimit> descriptors = {},
                                    const Fd* cgroup = nullptr);

}  // namespace hb
