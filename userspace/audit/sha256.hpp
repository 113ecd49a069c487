// SHA-256, with OpenSSL.
#pragma once

#include <string>
#include <string_view>

namespace hb {

// 64 lower case hex digits. Throws std::runtime_error if OpenSSL fails: out of memory, or
// configured without SHA-256.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace hb
