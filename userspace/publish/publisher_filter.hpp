// The system calls that the publisher process has no use for are refused (seccomp(2)), so that
// whoever takes it over through what it reads from the network has little to go on with.
//
// A list of what it may not do, as the libraries that serve HTTP decide what they need: execute a
// program, signal, trace or read another process, open a file for writing or change one, make a
// socket, connect, mount, enter or make a namespace, load into the kernel. They fail with EPERM.
// Forking is left: the process that walks cgroups is its child.
#pragma once

#include "base/result.hpp"

namespace hb {

// For the calling thread and what it forks; it cannot be taken off. After PR_SET_NO_NEW_PRIVS. The
// Error: this kernel has no seccomp filters.
[[nodiscard]] Result<> refuse_what_a_publisher_needs_not();

}  // namespace hb
