#include "procfs/user_ids.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <sstream>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace hb {
namespace {

// The first 4096 bytes of a small file.
Result<std::string> read_beginning(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  int code = errno;
  if (!file) return os_error(code, "cannot open " + path);
  std::array<char, 4096> text{};
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  code = errno;
  if (length < 0) return os_error(code, "cannot read " + path);
  return std::string(text.data(), static_cast<std::size_t>(length));
}

bool shows_own_pid_namespace() {
  std::array<char, 32> link{};
  const ssize_t length = ::readlink("/proc/self", link.data(), link.size());
  if (length <= 0) return false;
  return std::string_view(link.data(), static_cast<std::size_t>(length)) ==
         std::to_string(::getpid());
}

// "Uid:\tREAL\tEFFECTIVE\tSAVED\tFSUID" (proc(5)). A newline in the process's name is escaped.
std::optional<std::uint32_t> parse_real_uid(std::string_view status) {
  constexpr std::string_view kLine = "\nUid:\t";
  const auto at = status.find(kLine);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = status.substr(at + kLine.size());
  std::uint32_t uid = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), uid);
  return parsed.ec == std::errc{} ? std::optional(uid) : std::nullopt;
}

}  // namespace

// True if one range maps every uid to itself. Such a map can only be written if the parent
// namespace has the same (user_namespaces(7)), so it holds up to the initial namespace.
Result<bool> own_uids_are_initial() {
  const auto map = read_beginning("/proc/self/uid_map");
  if (!map) return map.error();
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  std::istringstream(map.value()) >> inside >> outside >> count;
  return inside == 0 && outside == 0 && count == 4'294'967'295;
}

std::optional<std::uint32_t> real_uid_of(std::uint32_t pid) {
  if (!shows_own_pid_namespace()) return std::nullopt;
  const auto status = read_beginning("/proc/" + std::to_string(pid) + "/status");
  return status ? parse_real_uid(status.value()) : std::nullopt;
}

}  // namespace hb
