// What /proc/PID/status says of a process, and which processes an observer has beside it.
#pragma once

#include <sys/types.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace hb::test {

// The line of this name without it; empty: there is none.
inline std::string status_line(pid_t pid, const std::string& key) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(key + ":\t")) continue;
    const std::string value = line.substr(key.size() + 2);
    return value.substr(0, value.find_last_not_of(' ') + 1);
  }
  return {};
}

// Reaped, or a zombie that whoever inherited it has not reaped yet.
inline bool is_dead(pid_t pid) {
  const std::string state = status_line(pid, "State");
  return state.empty() || state.starts_with('Z');
}

// The child of that name; 0: there is none.
inline pid_t child_named(pid_t parent, const std::string& name) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || status_line(pid, "PPid") != std::to_string(parent)) continue;
    if (status_line(pid, "Name") == name) return pid;
  }
  return 0;
}

}  // namespace hb::test
