// What a running observer says of itself on its status socket, for support-bundle.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace hb::cli {

// {"socket", "status"}, or {"socket", "problem"}. Waits for at most five seconds, and reads at most
// 4 MiB.
[[nodiscard]] nlohmann::ordered_json bundle_status(const std::string& socket);

}  // namespace hb::cli
