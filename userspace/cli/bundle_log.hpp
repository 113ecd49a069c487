// The last lines of the log, for support-bundle.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hb::cli {

inline constexpr std::size_t kBundledLines = 200;

// What `journalctl -u hb-ebpf` has, if it is there, and the ends of these files. Waits for
// journalctl for at most five seconds, and takes at most 1 MiB of it and of each file.
[[nodiscard]] nlohmann::ordered_json bundle_log(const std::vector<std::string>& files);

}  // namespace hb::cli
