#include "procfs/process_comm.hpp"

#include <fstream>
#include <iterator>
#include <string>

namespace hb {

// The name may have newlines of its own; the last one is the file's.
Comm comm_of(std::uint32_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.ends_with('\n')) text.pop_back();
  return Comm(text);
}

}  // namespace hb
