// What agents cost in memory. Not built with a sanitizer, whose own memory would be counted too.
#include <unistd.h>

#include <fstream>

#include "tests/observer/tracker_fixture.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kThreshold = 100;

std::size_t resident_bytes() {
  std::size_t size_pages = 0;
  std::size_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> size_pages >> resident_pages;
  return resident_pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(AMillionAgents, CostLittleUntilTheyCome) {
  const std::size_t before = resident_bytes();
  Tracker tracker(Tracker::kMaxCapacity, kThreshold, 1);
  for (std::uint32_t pid = 2; pid < 52; ++pid) tracker.record({.pid = pid, .nonce = 1}, 0);
  EXPECT_LE(resident_bytes() - before, std::size_t{8} << 20);
}

TEST(ATableOfDefaultSize, CostsNothingUntilAgentsCome) {
  const std::size_t before = resident_bytes();
  Tracker tracker(4096, kThreshold, 1);
  for (std::uint32_t pid = 2; pid < 52; ++pid) tracker.record({.pid = pid, .nonce = 1}, 0);
  // Less than half of it; code that is touched for the first time counts too.
  EXPECT_LE(resident_bytes() - before, tracker.reserved_bytes() / 2);
}

TEST(AMillionAgents, TouchNoMoreThanIsReserved) {
  const std::size_t before = resident_bytes();
  Tracker tracker(Tracker::kMaxCapacity, kThreshold, 1);
  for (std::uint32_t n = 0; n < Tracker::kMaxCapacity; ++n) {
    tracker.record({.pid = 2 + 3 * n, .nonce = 1}, n);
  }
  const std::size_t touched = resident_bytes() - before;
  EXPECT_LE(touched, tracker.reserved_bytes() + (std::size_t{4} << 20));
  EXPECT_GE(touched, tracker.reserved_bytes() / 2) << "the measurement measures";
}

}  // namespace
}  // namespace hb
