// The subcommands. Each add_*() declares one: its flags, its help, its examples. Parsing only
// checks and stores values; the chosen subcommand runs after the whole command line was parsed.
#pragma once

#include <functional>

#include "cli/cli11_fwd.hpp"
#include "daemon/exit_code.hpp"

namespace hb::cli {

using daemon::ExitCode;
using Action = std::function<ExitCode()>;

void add_audit(CLI::App& app, Action& chosen);
void add_run(CLI::App& app, Action& chosen);
void add_beat(CLI::App& app, Action& chosen);
void add_decode(CLI::App& app, Action& chosen);
void add_policy(CLI::App& app, Action& chosen);
void add_doctor(CLI::App& app, Action& chosen);

}  // namespace hb::cli
