#include "procfs/self_exe.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace hb {
namespace {

constexpr const char* kLink = "/proc/self/exe";

}  // namespace

Result<std::string> own_executable() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink(kLink, path.data(), path.size() - 1);
  int code = errno;
  if (length < 0) return os_error(code, "cannot read /proc/self/exe");
  struct stat seen {};
  code = ::stat(path.data(), &seen) == 0 ? 0 : errno;
  if (code != 0) return os_error(code, std::string("cannot find this program at ") + path.data());
  return std::string(path.data());
}

Result<std::string> beside_own_executable(std::string_view name) {
  const auto self = own_executable();
  if (!self) return self.error();
  return self.value().substr(0, self.value().rfind('/') + 1) + std::string(name);
}

}  // namespace hb
