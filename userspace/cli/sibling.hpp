// `compare` and `bench` are a program of their own, hb-ebpf-lab, which stands beside this one: so
// that a daemon that runs as root contains no code that mounts, unshares or makes containers.
#pragma once

#include "cli/cli11_fwd.hpp"
#include "daemon/exit_code.hpp"

namespace hb::cli {

// In --help. They are never parsed here.
void list_sibling_commands(CLI::App& app);

[[nodiscard]] bool is_for_sibling(int argc, char* const* argv);

// Executes it with all the arguments. Returns only when that failed, which has been said.
[[nodiscard]] daemon::ExitCode become_sibling(char** argv);

}  // namespace hb::cli
