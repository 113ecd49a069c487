// Events about agents on the network say which host's they are.
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

constexpr HostAddress kHost{{0x20, 0x01, 0x0d, 0xb8, 1}};
constexpr HostAddress kOther{{0x20, 0x01, 0x0d, 0xb8, 2}};

class ObserverNetworkTest : public ObserverTest {
 protected:
  void deliver(std::uint32_t pid, std::uint64_t nonce, const HostAddress& host) {
    b_.deliver(arrival({.pid = pid, .nonce = nonce}, ClaimOnly{host, false},
                       BeatOrigin::NetworkUnverified));
  }
};

TEST_F(ObserverNetworkTest, ABeatSaysWhoseItIs) {
  deliver(7, 1, kHost);
  deliver(7, 1, kOther);
  EXPECT_EQ(poll_for<Beat>().host, kHost);
  EXPECT_EQ(poll_for<Beat>().host, kOther);
}

TEST_F(ObserverNetworkTest, ABeatOfThisHostIsThisHosts) {
  a_.deliver(beat(7, 1));
  deliver(8, 1, kThisHost);
  EXPECT_TRUE(poll_for<Beat>().host.is_this_host());
  EXPECT_TRUE(poll_for<Beat>().host.is_this_host());
}

TEST_F(ObserverNetworkTest, AStallSaysWhoseItIs) {
  deliver(7, 1, kHost);
  poll();
  advance(kThreshold);
  EXPECT_EQ(poll_for<Stall>().host, kHost);
}

// The beat that takes a pid over is a beat; the one who had claimed it is told of before.
TEST_F(ObserverNetworkTest, ATakeOverIsToldOnceAndThenTheBeat) {
  deliver(7, 1, kThisHost);
  poll();
  advance(kThreshold);
  EXPECT_EQ(poll(), "stall 7/1");
  a_.deliver(beat(7, 1));
  const auto conflict = poll_for<OriginConflict>();
  EXPECT_TRUE(conflict.taken_over);
  EXPECT_EQ(conflict.observed_origin, BeatOrigin::NetworkUnverified);
  EXPECT_EQ(conflict.slot_origin, BeatOrigin::KernelAttested);
  const auto first = poll_for<Beat>();
  EXPECT_TRUE(first.is_first);
  EXPECT_EQ(first.origin, BeatOrigin::KernelAttested);
  EXPECT_EQ(poll(), "nothing");
  deliver(7, 2, kThisHost);
  EXPECT_FALSE(poll_for<OriginConflict>().taken_over) << "as any other";
  EXPECT_EQ(observer_.counters().origin_takeovers, 1U);
  EXPECT_EQ(observer_.counters().origin_conflicts, 1U);
  EXPECT_EQ(observer_.counters().receptions, 3U);
}

TEST_F(ObserverNetworkTest, WhatFindsNoRoomIsCounted) {
  Observer observer(clock_,
                    {.threshold_ns = kThreshold, .network_agents = 1, .policy = {}, .seed = 1});
  observer.add(b_);
  deliver(7, 1, kHost);
  deliver(7, 1, kOther);
  EXPECT_EQ(words(observer.poll()), "beat 7/1");
  EXPECT_EQ(words(observer.poll()), "nothing");
  EXPECT_EQ(observer.counters().frames_dropped[FrameDrop::NetworkFull], 1U);
  EXPECT_STREQ(name(FrameDrop::NetworkFull), "network_full");
}

}  // namespace
}  // namespace hb
