// --config FILE: flags from a file. Flags on the command line take precedence.
#pragma once

#include "cli/cli11_fwd.hpp"

namespace hb::cli {

// Declare it before every other flag of `command`; all flags that are declared later can be in the
// file. CLI11 runs callbacks in the order of declaration, so this one sets the values of the others
// before theirs run. A mistake is a CLI::ParseError that begins with "FILE:LINE: ".
void add_config(CLI::App& command);

}  // namespace hb::cli
