// The text of a HostAddress: "192.0.2.7", "2001:db8::7", "fe80::7%3" (with its scope as a number).
// Of kThisHost: "".
//
// Allocates nothing: it is a part of beats.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "identity/host_address.hpp"

namespace hb {

struct HostText {
  std::array<char, 64> bytes{};
  std::size_t length = 0;

  [[nodiscard]] std::string_view view() const { return {bytes.data(), length}; }
};

[[nodiscard]] HostText host_text(const HostAddress& host);

}  // namespace hb
