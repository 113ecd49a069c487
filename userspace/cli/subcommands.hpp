// The subcommands. Each add_*() declares one: its flags, its help, its examples. Parsing does
// nothing but check and remember; what was chosen is run afterwards, so that a mistake anywhere on
// the command line is found before anything has happened.
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
void add_doctor(CLI::App& app, Action& chosen);

}  // namespace hb::cli
