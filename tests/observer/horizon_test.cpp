#include "observer/horizon.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace hb {
namespace {

constexpr std::uint64_t kStart = 1000;
constexpr std::uint64_t kQueue = 10;  // datagrams at most

TEST(Horizon, BeginsAtTheStart) { EXPECT_EQ(Horizon(kStart, kQueue).ns(), kStart); }

TEST(Horizon, IsNowWhenTheQueueIsSeenEmpty) {
  Horizon horizon(kStart, kQueue);
  horizon.empty_at(1500);
  EXPECT_EQ(horizon.ns(), 1500U);
}

TEST(Horizon, StaysWhileNoMoreCameOutThanMayHaveWaited) {
  Horizon horizon(kStart, kQueue);
  horizon.took(4, 1100);
  horizon.took(6, 1200);
  EXPECT_EQ(horizon.ns(), kStart);
}

// One more than the queue holds: the last of them was not queued yet when the count began, so
// everything that was queued then has come out.
TEST(Horizon, MovesToWhereTheCountBeganWhenAWholeQueueAndOneCameOut) {
  Horizon horizon(kStart, kQueue);
  horizon.empty_at(1050);
  horizon.took(10, 1100);
  EXPECT_EQ(horizon.ns(), 1050U);
  horizon.took(1, 1200);
  EXPECT_EQ(horizon.ns(), 1050U);  // where it was anyway; the next count begins at 1200
  horizon.took(11, 1300);
  EXPECT_EQ(horizon.ns(), 1200U);
}

TEST(Horizon, CountsAnewAfterTheQueueWasSeenEmpty) {
  Horizon horizon(kStart, kQueue);
  horizon.took(10, 1100);
  horizon.empty_at(1150);
  horizon.took(10, 1200);
  EXPECT_EQ(horizon.ns(), 1150U);
}

TEST(Horizon, FollowsAFloodThatNeverEnds) {
  Horizon horizon(kStart, kQueue);
  std::uint64_t now = kStart;
  for (int i = 0; i < 1000; ++i) horizon.took(4, now += 10);
  EXPECT_GE(horizon.ns(), now - 2 * 3 * 10);  // two counts of three looks behind
  EXPECT_LT(horizon.ns(), now);
}

// What the horizon promises, against a queue that is really kept: whatever was queued before it has
// come out. One datagram comes in for each that goes out, so the queue never runs dry.
TEST(Horizon, NeverPassesADatagramThatStillWaits) {
  Horizon horizon(0, kQueue);
  std::deque<std::uint64_t> queued_at(kQueue, 0);
  for (std::uint64_t now = 1; now <= 500; ++now) {
    queued_at.pop_front();
    queued_at.push_back(now);
    horizon.took(1, now);
    ASSERT_LE(horizon.ns(), queued_at.front());
  }
}

TEST(Horizon, OfAnUnbufferedQueueFollowsEachDatagram) {
  Horizon horizon(kStart, 0);
  horizon.took(1, 1100);
  horizon.took(1, 1200);
  EXPECT_EQ(horizon.ns(), 1100U);
}

}  // namespace
}  // namespace hb
