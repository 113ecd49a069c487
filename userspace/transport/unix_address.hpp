// Where a Unix socket lives in the file system, as the kernel wants to hear it.
#pragma once

#include <sys/un.h>

#include <string>

#include "base/result.hpp"

namespace hb {

// The longest path that fits into sun_path with its terminating zero (unix(7)).
inline constexpr std::size_t kMaxSocketPathBytes = sizeof(sockaddr_un{}.sun_path) - 1;

// Fails, with the remedy, on a path that is empty, too long, holds a zero byte or names a directory
// by its trailing slash. Looks at nothing but the string.
[[nodiscard]] Result<sockaddr_un> unix_address(const std::string& path);

}  // namespace hb
