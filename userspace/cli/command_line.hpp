// main() of hb-ebpf and hb-ebpf-lab.
#pragma once

#include <functional>

#include "cli/cli11_fwd.hpp"
#include "cli/subcommands.hpp"

namespace hb::cli {

// Declares subcommands; see subcommands.hpp.
using Declare = std::function<void(CLI::App& app, Action& chosen)>;

// Parses the command line and runs the subcommand, or prints the mistake. Returns the exit code.
int run_command_line(int argc, char** argv, const Declare& declare);

}  // namespace hb::cli
