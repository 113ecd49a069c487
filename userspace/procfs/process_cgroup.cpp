#include "procfs/process_cgroup.hpp"

#include <fstream>
#include <string_view>

namespace hb {

// Of the lines "ID:CONTROLLERS:PATH" the one of v2 is "0::PATH" (cgroups(7)).
Result<std::string> cgroup_of(std::uint32_t pid) {
  constexpr std::string_view kVersion2 = "0::";
  const std::string path = "/proc/" + std::to_string(pid) + "/cgroup";
  std::ifstream file(path);
  if (!file) return Error{"cannot read " + path + ": is there such a process?"};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kVersion2)) return line.substr(kVersion2.size());
  }
  return std::string("/");
}

}  // namespace hb
