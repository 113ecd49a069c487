#include "lab/cpu_model.hpp"

#include <fstream>
#include <string_view>

namespace hb {

std::string cpu_model() {
  constexpr std::string_view kKey = "model name";
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t value = line.find_first_not_of(" \t:", kKey.size());
    if (line.starts_with(kKey) && value != std::string::npos) return line.substr(value);
  }
  return {};
}

}  // namespace hb
