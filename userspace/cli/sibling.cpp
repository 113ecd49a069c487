#include "cli/sibling.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <string_view>

#include "procfs/self_exe.hpp"

namespace hb::cli {
namespace {

constexpr std::string_view kName = "hb-ebpf-lab";

daemon::ExitCode refuse(const std::string& why) {
  std::cerr << "hb-ebpf: " << why << '\n';
  return daemon::ExitCode::Failed;
}

}  // namespace

void list_sibling_commands(CLI::App& app) {
  app.add_subcommand("bench", "Measure what attestation costs, side by side");
  app.add_subcommand("compare", "Compare kernel stamps with /proc, scenario by scenario");
}

bool is_for_sibling(int argc, char* const* argv) {
  if (argc < 2) return false;
  const std::string_view command = argv[1];
  return command == "bench" || command == "compare";
}

daemon::ExitCode become_sibling(char** argv) {
  const auto path = beside_own_executable(kName);
  if (!path) return refuse(path.error().message);
  ::execv(path.value().c_str(), argv);
  const int code = errno;
  return refuse(
      "cannot run " + path.value() + ": " + std::strerror(code) +
      " (built by `cmake --build --preset release`; must be in the directory of hb-ebpf)");
}

}  // namespace hb::cli
