// pidfds: a process by descriptor, which nobody else can take over as they can its pid.
#pragma once

#include <cstdint>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// Of the process that has this pid now, whichever that is. Close-on-exec (pidfd_open(2)).
[[nodiscard]] Result<Fd> open_pidfd(std::uint32_t pid);

// Every thread of it has ended, whether or not it has been waited for.
[[nodiscard]] bool has_exited(const Fd& pidfd);

// The Error has ESRCH when it has ended and been waited for, EPERM when we may not.
[[nodiscard]] Status send_signal(const Fd& pidfd, int signal);

// As many descriptors as this process may ever have: the soft limit becomes the hard one.
[[nodiscard]] Status raise_descriptor_limit();

}  // namespace hb
