// The text of a HostAddress: "192.0.2.7", "2001:db8::7", "fe80::7%3" (with its scope as a number).
// Of kThisHost: "".
#pragma once

#include <string>

#include "identity/host_address.hpp"

namespace hb {

[[nodiscard]] std::string host_text(const HostAddress& host);

}  // namespace hb
