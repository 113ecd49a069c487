#include "procfs/process_stat.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <sstream>
#include <string>
#include <vector>

namespace hb {
namespace {

// Fields of proc(5), counted from 1; those behind the name in parentheses, which may have blanks.
constexpr std::size_t kState = 3;
constexpr std::size_t kUserTime = 14;
constexpr std::size_t kSystemTime = 15;
constexpr std::size_t kThreads = 20;
constexpr std::size_t kStart = 22;
constexpr std::size_t kVirtual = 23;
constexpr std::size_t kResident = 24;

std::vector<std::string> fields_of(const Fd& stat) {
  std::array<char, 1024> text{};
  const ssize_t length = ::pread(stat.get(), text.data(), text.size(), 0);
  if (length <= 0) return {};
  std::string line(text.data(), static_cast<std::size_t>(length));
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream rest(line.substr(name_end + 1));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

Fd open_own_stat() { return Fd(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC)); }

std::optional<ProcessStat> read_stat(const Fd& stat) {
  if (!stat) return std::nullopt;
  const auto fields = fields_of(stat);
  if (fields.size() <= kResident - kState) return std::nullopt;
  const auto number = [&](std::size_t field) {
    return std::strtoull(fields[field - kState].c_str(), nullptr, 10);
  };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  // The start is told since the machine's.
  const double booted_s = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME);
  return ProcessStat{
      .cpu_s = static_cast<double>(number(kUserTime) + number(kSystemTime)) / ticks,
      .resident_bytes = number(kResident) * page,
      .virtual_bytes = number(kVirtual),
      .threads = number(kThreads),
      .start_unix_s = booted_s + static_cast<double>(number(kStart)) / ticks,
  };
}

}  // namespace hb
