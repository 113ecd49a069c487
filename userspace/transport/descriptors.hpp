// Passing file descriptors to another process with SCM_RIGHTS (unix(7)).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <span>

#include "base/fd.hpp"

namespace hb {

inline constexpr std::size_t kMostDescriptors = 8;  // in one message

// What came with one message. What nobody takes is closed.
using ReceivedDescriptors = std::array<Fd, kMostDescriptors>;

// Sends one message over a connected Unix socket, with at most kMostDescriptors; the sender keeps
// its own. `flags` are sendmsg(2)'s; MSG_NOSIGNAL is always set. Returns what sendmsg(2) does and
// sets errno: EINVAL for too many.
[[nodiscard]] ssize_t send_with_descriptors(int socket, std::span<const std::byte> bytes,
                                            std::span<const int> descriptors, int flags);

// Receives one message. Its descriptors come first in `received`, in order, close-on-exec; the rest
// is empty. `flags` are recvmsg(2)'s. Returns what recvmsg(2) does and sets errno: EMSGSIZE if
// bytes or descriptors had no room; then `received` is empty and the message is gone.
[[nodiscard]] ssize_t receive_with_descriptors(int socket, std::span<std::byte> bytes,
                                               ReceivedDescriptors& received, int flags);

}  // namespace hb
