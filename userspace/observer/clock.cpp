#include "observer/clock.hpp"

#include <ctime>

#include "base/units.hpp"

namespace hb {
namespace {

std::uint64_t read_ns(clockid_t clock) {
  timespec now{};
  // Cannot fail: both clocks exist on every Linux and the address is valid (clock_gettime(2)).
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::uint64_t MonotonicClock::now_ns() const { return read_ns(CLOCK_MONOTONIC); }

// CLOCK_BOOTTIME first: time that passes between the calls makes the difference smaller.
std::uint64_t MonotonicClock::suspended_ns() const {
  const std::uint64_t with_suspend = read_ns(CLOCK_BOOTTIME);
  const std::uint64_t without = read_ns(CLOCK_MONOTONIC);
  return with_suspend > without ? with_suspend - without : 0;
}

std::uint64_t unix_ns() { return read_ns(CLOCK_REALTIME); }

}  // namespace hb
