// A file that says what root is to do.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"

namespace hb::daemon {

inline constexpr std::size_t kMaxTrustedFile_bytes = std::size_t{1} << 20;

// The text of a regular file of at most kMaxTrustedFile_bytes. As it may contain commands that root
// will run, root accepts only a file that only root can write. The Error names file and remedy.
[[nodiscard]] Result<std::string> read_trusted_file(const std::string& path);

}  // namespace hb::daemon
