#include "cli/command_line.hpp"
#include "lab/commands.hpp"

namespace {

void declare(CLI::App& app, hb::cli::Action& chosen) {
  hb::lab::add_compare(app, chosen);
  hb::lab::add_bench(app, chosen);
}

}  // namespace

int main(int argc, char** argv) { return hb::cli::run_command_line(argc, argv, declare); }
