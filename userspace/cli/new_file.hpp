// A file that was not there before.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hb::cli {

// Writes `text` to a new file of mode 0600. Fails when something has that name, and when the file,
// or a directory on the way to it, is a symbolic link. What cannot be written whole is removed
// again.
[[nodiscard]] Result<> write_new_file(const std::string& path, std::string_view text);

}  // namespace hb::cli
