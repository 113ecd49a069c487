// `compare` and `bench` are in another executable, hb-ebpf-lab, in the same directory, so that the
// daemon, which runs as root, contains no code that mounts, unshares or makes containers.
#pragma once

#include "cli/cli11_fwd.hpp"
#include "daemon/exit_code.hpp"

namespace hb::cli {

// For --help only; they are not parsed here.
void list_sibling_commands(CLI::App& app);

[[nodiscard]] bool is_for_sibling(int argc, char* const* argv);

// execv(2) with all arguments. Returns only when that failed, after printing why.
[[nodiscard]] daemon::ExitCode become_sibling(char** argv);

}  // namespace hb::cli
