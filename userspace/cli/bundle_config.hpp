// A configuration file as support-bundle shows it: settings, but no secret.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/scrubber.hpp"

namespace hb::cli {

struct BundledConfig {
  nlohmann::ordered_json shown;
  std::string socket;         // where it says that agents send; "": it does not
  std::string status_socket;  // likewise
};

// Of a name that is no setting the value is not shown: misspelt, it does not say what it is. Of
// values of the environment of commands (recovery-env) only the name is shown, of a command only
// its program; values and arguments are hidden wherever else they occur. Files that it names are
// shown by mode, owner and size, never by content.
[[nodiscard]] BundledConfig bundle_config(const std::string& path, Scrubber& scrubber);

}  // namespace hb::cli
