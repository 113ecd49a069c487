#include "cli/command_line.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <string>

#include "base/address_space.hpp"
#include "cli/version.hpp"
#include "kernel/stamp_program.hpp"

namespace hb::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 success; 1 it ran and failed; 2 bad usage; 3 kernel attestation is not "
    "available\n"
    "here; 4 --strict-namespace-check tripped; 5 the loop of run did not turn.";

// If one of the descriptors 0 to 2 is closed, open /dev/null there, so that no socket gets it.
bool standard_descriptors_are_open() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return false;
  }
  return true;
}

// CLI11's message names the flag and the mistake. --help and --version are exceptions too.
ExitCode refuse(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    app.exit(error, std::cout, std::cerr);
    return ExitCode::Success;
  }
  const auto unknown = app.remaining();
  const bool no_such_command =
      app.get_subcommands().empty() && !unknown.empty() && !unknown.front().starts_with('-');
  const std::string wrong =
      no_such_command ? "there is no command '" + unknown.front() + "'" : error.what();
  std::cerr << "hb-ebpf: " << wrong << "\nSee hb-ebpf --help, or hb-ebpf COMMAND --help.\n";
  return ExitCode::Usage;
}

ExitCode dispatch(int argc, char** argv, const Declare& declare) {
  CLI::App app{"hb-ebpf: a heartbeat observer that learns the sender of each beat from the kernel"};
  app.set_version_flag("--version", version_line());
  app.require_subcommand(1);
  app.footer(kExitCodes);
  Action chosen;
  declare(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return refuse(app, error);
  }
  return chosen();
}

void log_refusal(const std::string& what, bool is_last) {
  spdlog::log(is_last ? spdlog::level::err : spdlog::level::debug, "{}", what);
}

}  // namespace

int run_command_line(int argc, char** argv, const Declare& declare) {
  if (!standard_descriptors_are_open()) return EXIT_FAILURE;
  ::signal(SIGPIPE, SIG_IGN);
  kernel::set_explain(log_refusal);
  try {
    return static_cast<int>(dispatch(argc, argv, declare));
  } catch (const std::bad_alloc&) {
    std::cerr << "hb-ebpf: out of memory";
    if (const auto lack = lack_of_address_space()) std::cerr << ": " << *lack;
    std::cerr << '\n';
    return static_cast<int>(ExitCode::Failed);
  } catch (const std::exception& error) {
    std::cerr << "hb-ebpf: " << error.what() << '\n';
    return static_cast<int>(ExitCode::Failed);
  }
}

}  // namespace hb::cli
