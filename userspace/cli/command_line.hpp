// What every program of hb-ebpf does around its subcommands.
#pragma once

#include "cli/cli11_fwd.hpp"
#include "cli/subcommands.hpp"

namespace hb::cli {

// Declares subcommands; see subcommands.hpp.
using Declare = void (*)(CLI::App& app, Action& chosen);

// Parses the command line, says what is wrong with it, and runs what was chosen. Returns main()'s
// value.
int run_command_line(int argc, char** argv, Declare declare);

}  // namespace hb::cli
