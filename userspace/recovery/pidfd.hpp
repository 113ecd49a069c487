// pidfds: a process by descriptor, which nobody else can take over as they can its pid.
#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// Of the process that has this pid now, whichever that is. Close-on-exec (pidfd_open(2)).
[[nodiscard]] Result<Fd> open_pidfd(std::uint32_t pid);

// Every thread of it has ended, whether or not it has been waited for.
[[nodiscard]] bool has_exited(const Fd& pidfd);

// Waits for the end of this child, and reaps it unless somebody has: never another child that got
// its pid afterwards.
void reap(const Fd& pidfd);

// The real uid of that process now, in this user namespace. nullopt where the kernel cannot say it
// (PIDFD_GET_INFO came with Linux 6.13), or when the process has been waited for.
[[nodiscard]] std::optional<std::uint32_t> real_uid(const Fd& pidfd);

// How many descriptors this process may have open (RLIMIT_NOFILE, the soft limit).
[[nodiscard]] std::size_t descriptor_limit();

// What is kept free of pidfds of agents, for everything else that this process has open or opens
// later: sockets, rings, files that are opened again, 16 commands with a pidfd and a pipe each, the
// pipes of 64 that have ended.
inline constexpr std::size_t kReservedDescriptors = 192;

// How many pidfds of agents fit into `limit` beside the reserve; half of it if it is as small as
// that.
[[nodiscard]] std::size_t room_for_pidfds(std::size_t limit);

// Allows this process `wanted` descriptors or, where the hard limit is lower and cannot be raised
// (CAP_SYS_RESOURCE, fs.nr_open), as many as that; never fewer than before. Returns the limits of
// before.
[[nodiscard]] Result<rlimit> raise_descriptor_limit(std::size_t wanted);

}  // namespace hb
