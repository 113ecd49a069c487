// The subcommands. Each add_*() declares one: its flags, its help, its examples. Parsing only
// checks and stores values; the chosen subcommand runs after the whole command line was parsed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/cli11_fwd.hpp"
#include "daemon/exit_code.hpp"

namespace hb::cli {

using daemon::ExitCode;
using Action = std::function<ExitCode()>;

void add_audit(CLI::App& app, Action& chosen);
// `arguments`: the whole command line, to read it again with the file of --config.
void add_run(CLI::App& app, Action& chosen, const std::vector<std::string>& arguments);
void add_beat(CLI::App& app, Action& chosen);
void add_decode(CLI::App& app, Action& chosen);
// `arguments`: likewise, as the program's own are taken unread; see after_separator().
void add_exec(CLI::App& app, Action& chosen, const std::vector<std::string>& arguments);
void add_keep(CLI::App& app, Action& chosen, const std::vector<std::string>& arguments);
void add_policy(CLI::App& app, Action& chosen);
void add_doctor(CLI::App& app, Action& chosen);
void add_status(CLI::App& app, Action& chosen);
void add_top(CLI::App& app, Action& chosen);
void add_support_bundle(CLI::App& app, Action& chosen);
// Describes what is declared of `app` when it runs.
void add_describe(CLI::App& app, Action& chosen);

}  // namespace hb::cli
