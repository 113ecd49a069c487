#include "lab/resident.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string>

#include "base/fd.hpp"

namespace hb {
namespace {

// "SIZE RESIDENT ...", in pages.
Result<std::uint64_t> second_number(const char* begin, const char* end) {
  const char* blank = std::find(begin, end, ' ');
  std::uint64_t number = 0;
  if (blank == end || std::from_chars(blank + 1, end, number).ec != std::errc{}) {
    return Error{"cannot parse /proc/PID/statm"};
  }
  return number;
}

}  // namespace

Result<std::uint64_t> resident_bytes(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/statm";
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  int code = errno;
  if (!file) return os_error(code, "cannot open " + path);
  std::array<char, 256> text{};
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  code = errno;
  if (length < 0) return os_error(code, "cannot read " + path);
  const auto pages = second_number(text.data(), text.data() + length);
  if (!pages) return pages.error();
  return pages.value() * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace hb
