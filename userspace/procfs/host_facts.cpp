#include "procfs/host_facts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "base/fd.hpp"

namespace hb {
namespace {

constexpr std::size_t kMostMounts = 64;
constexpr const char* kMounts = "/proc/self/mounts";

}  // namespace

Result<std::string> read_sysctl(const std::string& name) {
  std::string path = "/proc/sys/" + name;
  std::replace(path.begin() + 10, path.end(), '.', '/');
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  int code = errno;
  if (!file) return os_error(code, "reading " + path);
  std::array<char, 4096> text{};
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  code = errno;
  if (length < 0) return os_error(code, "reading " + path);
  std::string value(text.data(), static_cast<std::size_t>(length));
  while (value.ends_with('\n')) value.pop_back();
  return value;
}

Result<std::vector<std::string>> cgroup_mounts() {
  std::ifstream file(kMounts);
  if (!file) return Error{std::string("cannot read ") + kMounts};
  std::vector<std::string> mounts;
  for (std::string line; mounts.size() < kMostMounts && std::getline(file, line);) {
    std::istringstream words(line);
    std::string device;
    std::string directory;
    std::string type;
    std::string options;
    words >> device >> directory >> type >> options;
    if (type != "cgroup" && type != "cgroup2") continue;
    mounts.push_back(type.append(" ").append(directory).append(" ").append(options));
  }
  return mounts;
}

}  // namespace hb
