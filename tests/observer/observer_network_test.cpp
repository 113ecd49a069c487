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
