#include "daemon/openable_paths.hpp"

#include <filesystem>
#include <system_error>

#include "procfs/proc_directory.hpp"

namespace hb::daemon {
namespace {

namespace fs = std::filesystem;

std::string directory_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? "." : parent.string();
}

// The directory, as another file may be renamed to the path; and the one that a symbolic link leads
// to. A rule is about a directory itself, whatever its name becomes.
void add_directories(std::vector<std::string>& paths, const std::string& file) {
  if (file.empty()) return;
  paths.push_back(directory_of(file));
  std::error_code failed;
  const fs::path real = fs::canonical(file, failed);
  if (!failed) paths.push_back(directory_of(real));
}

// Its directory may be removed and has to be made again: so also the one above, unless that is the
// root.
void add_socket(std::vector<std::string>& paths, const std::string& socket) {
  if (socket.empty()) return;
  const std::string directory = directory_of(socket);
  paths.push_back(directory);
  std::error_code failed;
  const fs::path above = fs::canonical(directory, failed).parent_path();
  if (!failed && above != above.root_path()) paths.push_back(above.string());
}

}  // namespace

OpenablePaths openable_paths(const RunConfig& options) {
  OpenablePaths paths;
  // Of other processes' /proc, Landlock refuses by itself whatever would need ptrace(2).
  paths.read = {kProcDirectory, "/etc/localtime", "/usr/share/zoneinfo"};
  if (options.read_again) {
    // Names of users and groups.
    paths.read.insert(paths.read.end(), {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf"});
  }
  add_directories(paths.read, options.config_file);
  add_directories(paths.read, options.recovery.policy_file.value_or(""));
  add_socket(paths.change, options.socket.path);
  add_socket(paths.change, options.notify_socket.value_or(""));
  add_socket(paths.change, options.status_path());
  add_directories(paths.change, options.export_file.value_or(""));
  add_directories(paths.change, options.audit.path);
  return paths;
}

}  // namespace hb::daemon
