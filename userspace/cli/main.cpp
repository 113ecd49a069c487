#include <sys/prctl.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/address_space.hpp"
#include "cli/command_line.hpp"
#include "cli/sibling.hpp"

namespace {

void declare(CLI::App& app, hb::cli::Action& chosen, const std::vector<std::string>& arguments) {
  hb::cli::add_run(app, chosen, arguments);
  hb::cli::add_beat(app, chosen);
  hb::cli::add_decode(app, chosen);
  hb::cli::add_doctor(app, chosen);
  hb::cli::add_status(app, chosen);
  hb::cli::add_top(app, chosen);
  hb::cli::add_keep(app, chosen, arguments);
  hb::cli::add_exec(app, chosen, arguments);
  hb::cli::add_audit(app, chosen);
  hb::cli::add_policy(app, chosen);
  hb::cli::add_support_bundle(app, chosen);
  hb::cli::add_describe(app, chosen);
  hb::cli::list_sibling_commands(app);
}

// Before everything else is initialised.
__attribute__((constructor(101))) void prepare_to_lack_memory() { hb::tell_lack_at_terminate(); }

// The kernel names a process that is executed by descriptor after that (execveat(2)), as
// `hb-ebpf keep` does it with a file that has lost its name.
void name_process(std::string_view program) {
  const std::string name(program.substr(program.rfind('/') + 1));
  ::prctl(PR_SET_NAME, name.c_str(), 0UL, 0UL, 0UL);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 0) name_process(argv[0]);
  if (hb::cli::is_for_sibling(argc, argv)) return static_cast<int>(hb::cli::become_sibling(argv));
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return hb::cli::run_command_line(
      argc, argv, [&](CLI::App& app, hb::cli::Action& chosen) { declare(app, chosen, arguments); });
}
