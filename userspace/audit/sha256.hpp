// SHA-256, by OpenSSL.
#pragma once

#include <string>
#include <string_view>

namespace hb {

// 64 lower case hex digits. Throws std::runtime_error when OpenSSL cannot: out of memory, or a
// configuration of it without SHA-256. Nothing that rests on hashes can go on then.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace hb
