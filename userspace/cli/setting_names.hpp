// The names that a configuration file can have.
#pragma once

#include <set>
#include <string>

namespace hb::cli {

// The flags of `run`, without their dashes, but those that no file can have.
[[nodiscard]] std::set<std::string> setting_names();

}  // namespace hb::cli
