#include "lab/bench/time.hpp"

#include <cerrno>

#include "base/units.hpp"

namespace hb::bench {
namespace {

// The clocks named here exist on every Linux (clock_gettime(2)).
std::uint64_t read(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

timespec as_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / kNsPerSecond), static_cast<long>(ns % kNsPerSecond)};
}

std::uint64_t now_ns() { return read(CLOCK_MONOTONIC); }

std::uint64_t thread_cpu_ns() { return read(CLOCK_THREAD_CPUTIME_ID); }

Result<std::uint64_t> process_cpu_ns(pid_t pid) {
  clockid_t clock{};
  if (const int code = ::clock_getcpuclockid(pid, &clock); code != 0) {
    return os_error(code, "cannot read the CPU clock of process " + std::to_string(pid));
  }
  return read(clock);
}

void sleep_until_ns(std::uint64_t deadline_ns) {
  const timespec deadline = as_timespec(deadline_ns);
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
  }
}

}  // namespace hb::bench
