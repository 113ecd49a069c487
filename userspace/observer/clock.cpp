#include "observer/clock.hpp"

#include <ctime>

namespace hb {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

}  // namespace

std::uint64_t MonotonicClock::now_ns() const {
  timespec now{};
  // Cannot fail: the clock exists on every Linux and the address is good (clock_gettime(2)).
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace hb
