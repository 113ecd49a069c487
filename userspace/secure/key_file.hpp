// A key file: 64 hexadecimal digits, optionally followed by one newline.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "secure/key.hpp"

namespace hb::secure {

// Accepts only a regular file with one hard link that is owned by the effective user or root and
// has no permissions for group and others. Symbolic links are not followed, and opening never
// blocks. The Error names the remedy.
[[nodiscard]] Result<Key> read_key_file(const std::string& path);

// Parses a key file's text; nothing when it is not a key.
[[nodiscard]] std::optional<Key> parse_key(std::string_view text);

}  // namespace hb::secure
