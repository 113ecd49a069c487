// A key's file: 64 hexadecimal digits, and nothing after them but one newline.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "secure/key.hpp"

namespace hb::secure {

// Refuses, with the remedy, a file that somebody else may have read or written or may have put
// there: no symbolic link is followed, no device or pipe is waited for; it is a regular file with
// one name, belongs to the effective user or root, and gives nobody else any permission.
[[nodiscard]] Result<Key> read_key_file(const std::string& path);

// The key in a file's text; nothing when the text is no key.
[[nodiscard]] std::optional<Key> parse_key(std::string_view text);

}  // namespace hb::secure
