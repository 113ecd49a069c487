#include "procfs/namespace_link.hpp"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>

namespace hb {
namespace {

Result<std::uint32_t> inode_behind(const char* link) {
  struct stat seen {};
  if (::stat(link, &seen) != 0) {
    const int code = errno;
    return os_error(code, std::string("cannot follow ") + link);
  }
  return static_cast<std::uint32_t>(seen.st_ino);
}

}  // namespace

Result<std::uint32_t> pid_namespace_of(std::uint32_t pid) {
  std::array<char, 32> link{};
  std::snprintf(link.data(), link.size(), "/proc/%u/ns/pid", pid);
  return inode_behind(link.data());
}

Result<std::uint32_t> own_pid_namespace() { return inode_behind("/proc/self/ns/pid"); }

}  // namespace hb
