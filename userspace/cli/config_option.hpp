// --config FILE: flags from a file; whatever the command line gives too, the command line decides.
#pragma once

#include "cli/cli11_fwd.hpp"

namespace hb::cli {

// To be declared before every other flag of `command`. Those that are declared later, all of them,
// can be in the file: a callback of CLI11 runs when the whole command line has been split up, and
// callbacks run in the order of declaration, so this one gives the others their values before they
// are looked at. What is wrong is a CLI::ParseError that begins with "FILE:LINE: ".
void add_config(CLI::App& command);

}  // namespace hb::cli
