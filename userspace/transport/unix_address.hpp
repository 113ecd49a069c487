// The path of a Unix socket as a sockaddr_un.
#pragma once

#include <sys/un.h>

#include <string>

#include "base/result.hpp"

namespace hb {

// The longest path that fits into sun_path with its terminating zero (unix(7)).
inline constexpr std::size_t kMaxSocketPathBytes = sizeof(sockaddr_un{}.sun_path) - 1;

// Fails on a path that is empty, too long, contains a zero byte, ends with a slash, or begins with
// an @, as abstract sockets are written. Does not access the file system.
[[nodiscard]] Result<sockaddr_un> unix_address(const std::string& path);

}  // namespace hb
