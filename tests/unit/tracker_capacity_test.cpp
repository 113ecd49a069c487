// A full tracker, and one of a million agents.
#include <unistd.h>

#include <fstream>

#include "tracker_fixture.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kThreshold = 100;

TEST_F(TrackerTest, ANewAgentIsDroppedWhenFullAndTheOthersGoOn) {
  for (const std::uint32_t pid : {10U, 11U, 12U, 13U}) EXPECT_EQ(beat_of(pid), "inserted");
  EXPECT_EQ(beat_of(14), "full");
  EXPECT_EQ(beat_of(13, 2), "refreshed");
  EXPECT_EQ(tracker_.size(), tracker_.capacity());
}

TEST_F(TrackerTest, AStalledAgentKeepsItsSlot) {
  for (const std::uint32_t pid : {10U, 11U, 12U, 13U}) beat_of(pid);
  now_ += kThreshold;
  EXPECT_EQ(stalled().size(), 4U);
  EXPECT_EQ(beat_of(14), "full");
}

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

TEST(AMillionAgents, TakeAtMost64BytesEach) {
  const Tracker tracker(Tracker::kMaxCapacity, kThreshold, 1);
  EXPECT_LE(tracker.reserved_bytes() / Tracker::kMaxCapacity, 64U);
}

TEST(AMillionAgents, AreAllTrackedAndExpireInOrder) {
  Tracker tracker(Tracker::kMaxCapacity, kThreshold, random_seed());
  for (std::uint32_t n = 0; n < Tracker::kMaxCapacity; ++n) {
    ASSERT_EQ(tracker.record({.pid = 2 + 3 * n, .nonce = 1}, n).index(), 0U);
  }
  for (std::uint32_t n = 0; n < Tracker::kMaxCapacity; ++n) {
    ASSERT_EQ(tracker.expire(n + kThreshold)->pid, 2 + 3 * n);
    ASSERT_FALSE(tracker.expire(n + kThreshold));
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
long resident_pages() {
  long size = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident;
}

TEST(AMillionAgents, CostNothingUntilTheyCome) {
  const long before = resident_pages();
  Tracker tracker(Tracker::kMaxCapacity, kThreshold, 1);
  for (std::uint32_t pid = 2; pid < 52; ++pid) tracker.record({.pid = pid, .nonce = 1}, 0);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  EXPECT_LE((resident_pages() - before) * page_bytes, 512 * 1024);
}
#endif

}  // namespace
}  // namespace hb
