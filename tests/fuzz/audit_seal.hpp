// Audit lines with the hash that they should have: without it nothing else of a line is looked at.
#pragma once

#include <string>
#include <string_view>

#include "audit/sha256.hpp"

namespace hb::fuzz {

// A line of `hashed`, which is all of it that is hashed.
inline std::string sealed_line(std::string_view hashed) {
  return std::string(hashed) + R"(,"hash":")" + sha256_hex(hashed) + R"("})";
}

// What of a line was hashed; all of it when it says no hash.
inline std::string_view hashed_of(std::string_view line) {
  return line.substr(0, line.rfind(R"(,"hash":")"));
}

}  // namespace hb::fuzz
