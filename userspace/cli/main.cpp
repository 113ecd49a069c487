#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "cli/subcommands.hpp"

namespace {

using hb::cli::ExitCode;

constexpr const char* kExitCodes =
    "Exit codes: 0 success; 1 it ran and failed; 2 bad usage; "
    "3 kernel attestation is not available\n"
    "here; 4 --strict-namespace-check tripped.";

// Whoever starts us with one of them closed must not find a socket of ours under its number.
bool standard_descriptors_are_open() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return false;
  }
  return true;
}

// CLI11 says the name of the flag and what is wrong with it; help and version are no mistakes.
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

ExitCode dispatch(int argc, char** argv) {
  CLI::App app{"hb-ebpf: a heartbeat observer that asks the kernel who is speaking"};
  app.set_version_flag("--version", "hb-ebpf " HB_VERSION);
  app.require_subcommand(1);
  app.footer(kExitCodes);
  hb::cli::Action chosen;
  hb::cli::add_run(app, chosen);
  hb::cli::add_beat(app, chosen);
  hb::cli::add_bench(app, chosen);
  hb::cli::add_compare(app, chosen);
  hb::cli::add_decode(app, chosen);
  hb::cli::add_doctor(app, chosen);
  hb::cli::add_audit(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return refuse(app, error);
  }
  return chosen();
}

}  // namespace

int main(int argc, char** argv) {
  if (!standard_descriptors_are_open()) return EXIT_FAILURE;
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return static_cast<int>(dispatch(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "hb-ebpf: " << error.what() << '\n';
    return static_cast<int>(ExitCode::Failed);
  }
}
