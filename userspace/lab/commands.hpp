// The subcommands of hb-ebpf-lab, see cli/subcommands.hpp.
#pragma once

#include "cli/subcommands.hpp"

namespace hb::lab {

void add_bench(CLI::App& app, cli::Action& chosen);
void add_compare(CLI::App& app, cli::Action& chosen);

}  // namespace hb::lab
