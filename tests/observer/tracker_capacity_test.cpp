// How many agents there can be, and what a million of them cost.
#include <chrono>

#include "tests/observer/tracker_fixture.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kThreshold = 100;

TEST(TrackerCapacity, IsBroughtIntoItsBounds) {
  EXPECT_EQ(Tracker(0, 1, 1).capacity(), 1U);
  EXPECT_EQ(Tracker(~std::size_t{0}, 1, 1).capacity(), Tracker::kMaxCapacity);
}

TEST(TrackerCapacity, OfOneTracksOne) {
  Tracker tracker(1, kThreshold, 1);
  EXPECT_EQ(words(tracker.record({.pid = 7, .nonce = 1}, 0)), "inserted");
  EXPECT_EQ(words(tracker.record({.pid = 8, .nonce = 1}, 0)), "full");
  EXPECT_EQ(tracker.expire(kThreshold)->pid, 7U);
}

// A cache line for the slot, half of one for the rest, and four bytes of the index.
constexpr std::size_t kBytesPerAgent = 116;
constexpr std::size_t kHeadsOfLists = 8 * 4096;

TEST(AMillionAgents, ReserveABoundedMemory) {
  const Tracker tracker(Tracker::kMaxCapacity, kThreshold, 1);
  EXPECT_LE(tracker.reserved_bytes(), kBytesPerAgent * Tracker::kMaxCapacity + kHeadsOfLists);
}

std::uint32_t nth_pid(std::uint32_t n) { return 2 + 3 * n; }

void beat_all(Tracker& tracker, std::uint64_t nonce, std::uint64_t now_ns) {
  for (std::uint32_t n = 0; n < Tracker::kMaxCapacity; ++n) {
    const std::size_t inserted_or_refreshed = nonce == 1 ? 0 : 1;
    ASSERT_EQ(tracker.record({.pid = nth_pid(n), .nonce = nonce}, now_ns + n).index(),
              inserted_or_refreshed);
  }
}

TEST(AMillionAgents, AreAllTrackedAndExpireInOrder) {
  Tracker tracker(Tracker::kMaxCapacity, kThreshold, random_seed());
  ASSERT_NO_FATAL_FAILURE(beat_all(tracker, 1, 0));
  for (std::uint32_t n = 0; n < Tracker::kMaxCapacity; ++n) {
    ASSERT_EQ(tracker.expire(n + kThreshold)->pid, nth_pid(n));
    ASSERT_FALSE(tracker.expire(n + kThreshold));
  }
}

// A scan in either call would take hours here.
TEST(AMillionAgents, CostNoScan) {
  Tracker tracker(Tracker::kMaxCapacity, Tracker::kMaxCapacity, random_seed());
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t nonce = 1; nonce <= 4; ++nonce) {
    ASSERT_NO_FATAL_FAILURE(beat_all(tracker, nonce, nonce * Tracker::kMaxCapacity));
    for (std::uint32_t n = 0; n < Tracker::kMaxCapacity; ++n) {
      ASSERT_FALSE(tracker.expire(nonce * Tracker::kMaxCapacity + n));
    }
  }
  EXPECT_LE(std::chrono::steady_clock::now() - began, std::chrono::seconds(60));
}

}  // namespace
}  // namespace hb
