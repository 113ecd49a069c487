#include "procfs/wait_channel.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/fd.hpp"

namespace hb {
namespace {

constexpr std::string_view kBefore = "/proc/self/task/";
constexpr std::string_view kAfter = "/wchan";

bool is_of_a_symbol(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

}  // namespace

std::string_view wait_channel(pid_t tid, std::span<char> room) {
  std::array<char, 64> path{};
  char* end = std::copy(kBefore.begin(), kBefore.end(), path.data());
  end = std::to_chars(end, path.data() + path.size(), tid).ptr;
  std::copy(kAfter.begin(), kAfter.end(), end);
  const Fd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  const ssize_t length = ::read(file.get(), room.data(), room.size());
  if (length <= 0) return {};
  const std::string_view seen(room.data(), static_cast<std::size_t>(length));
  const bool is_symbol = std::all_of(seen.begin(), seen.end(), is_of_a_symbol);
  return is_symbol && seen != "0" ? seen : std::string_view();
}

}  // namespace hb
