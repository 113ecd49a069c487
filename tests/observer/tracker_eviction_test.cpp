// Which agent is evicted for a new one when every slot is taken.
#include "tests/observer/tracker_fixture.hpp"

namespace hb {
namespace {

class EvictionTest : public TrackerTest {
 protected:
  // Four agents, 10 to 13, one instant apart. The tracker is full.
  explicit EvictionTest(Eviction eviction = Eviction::Strict) : TrackerTest(eviction) {
    for (const std::uint32_t pid : {10U, 11U, 12U, 13U}) {
      EXPECT_EQ(beat_of(pid), "inserted");
      now_ += 1;
    }
  }

  void let_stall() {
    now_ += kThreshold;
    EXPECT_EQ(stalled().size(), 4U);
  }
  void let_be_silent_for_long() {
    let_stall();
    now_ += Tracker::kLongSilence * kThreshold;
  }
  std::string newcomer(std::uint32_t pid, BeatOrigin origin = BeatOrigin::KernelAttested) {
    return beat(1, {.pid = pid, .origin = origin});
  }
};

class BalancedEvictionTest : public EvictionTest {
 protected:
  BalancedEvictionTest() : EvictionTest(Eviction::Balanced) {}
};

// --- In either way ---

TEST_F(EvictionTest, AnAgentThatBeatsIsNotEvicted) {
  EXPECT_EQ(newcomer(14), "full");
  EXPECT_EQ(beat_of(13, 2), "refreshed");
  EXPECT_EQ(tracker_.size(), tracker_.capacity());
}

TEST_F(BalancedEvictionTest, AnAgentThatBeatsIsNotEvicted) {
  EXPECT_EQ(newcomer(14), "full");
  EXPECT_EQ(beat_of(10, 2), "refreshed");
}

// Silent, but not reported yet.
TEST_F(BalancedEvictionTest, NoAgentIsEvictedBeforeItsStall) {
  now_ += 100 * kThreshold;
  EXPECT_EQ(newcomer(14), "full");
  EXPECT_EQ(stalled().size(), 4U);
  EXPECT_EQ(newcomer(14), "replaced");
}

TEST_F(EvictionTest, TheLongestDeadIsReusedFirstWithoutAnEviction) {
  let_be_silent_for_long();
  die(13);
  die(12);
  EXPECT_EQ(newcomer(14), "inserted");
  EXPECT_EQ(beat_of(12, 2), "out of order") << "still known to be dead";
  EXPECT_EQ(newcomer(15), "inserted");
  EXPECT_EQ(newcomer(16), "replaced");
}

TEST_F(EvictionTest, AnEvictedAgentIsNewWhenItComesBack) {
  let_be_silent_for_long();
  EXPECT_EQ(newcomer(14), "replaced");
  EXPECT_EQ(beat_of(11, 2), "changed") << "others are where they were";
  EXPECT_EQ(beat_of(10, 2), "replaced");
  EXPECT_FALSE(die(12)) << "the longest silent of those that were left";
}

TEST_F(EvictionTest, AReusedSlotHasNoFormerState) {
  let_be_silent_for_long();
  generation_ = 0;
  ns_ = 0;
  EXPECT_EQ(beat(kTerminal, {.pid = 14}), "replaced");
  generation_ = 40;
  ns_ = 9;
  EXPECT_EQ(beat(1, {.pid = 14, .own_pid = 2, .cgroup_id = 3}), "refreshed");
  now_ += kThreshold;
  const auto stall = tracker_.expire(now_).value();
  EXPECT_EQ(stall.pid, 14U);
  EXPECT_EQ(stall.own_pid, 2U);
  EXPECT_EQ(stall.cgroup_id, 3U);
  EXPECT_EQ(stall.ns_inode, 9U);
}

TEST_F(EvictionTest, OnlyTheLivingAndTheSilentAreCounted) {
  let_stall();
  EXPECT_EQ(tracker_.size(), 4U);
  die(10);
  EXPECT_EQ(tracker_.size(), 3U);
  newcomer(14);
  EXPECT_EQ(tracker_.size(), 4U);
}

// --- What the policy decides ---

TEST_F(EvictionTest, StrictEvictsTheLongestSilentAfterTenThresholds) {
  let_stall();
  now_ = 1000 + Tracker::kLongSilence * kThreshold - 1;
  EXPECT_EQ(newcomer(14), "full");
  now_ += 1;
  EXPECT_EQ(newcomer(14), "replaced");
  EXPECT_EQ(newcomer(15), "full") << "11 has been silent for one instant less";
}

TEST_F(BalancedEvictionTest, TheLongestSilentIsEvictedOnceItHasStalled) {
  now_ = 1000 + kThreshold;
  EXPECT_EQ(stalled(), Pids{10});
  EXPECT_EQ(newcomer(14), "replaced");
  EXPECT_EQ(newcomer(15), "full");
  EXPECT_EQ(beat_of(11, 2), "refreshed");
}

// --- An agent of the network evicts no attested one ---

TEST_F(EvictionTest, AnUnattestedAgentEvictsNoAttestedOne) {
  let_be_silent_for_long();
  EXPECT_EQ(newcomer(14, kNetwork), "full");
  EXPECT_EQ(newcomer(14, kKernel), "replaced");
}

TEST_F(EvictionTest, AnAttestedAgentEvictsAnUnattestedOne) {
  die(10);
  EXPECT_EQ(newcomer(14, kNetwork), "inserted");
  for (const std::uint32_t pid : {11U, 12U, 13U}) beat_of(pid, 2);
  now_ += kThreshold;
  EXPECT_EQ(stalled().front(), 14U);
  now_ += Tracker::kLongSilence * kThreshold;
  EXPECT_EQ(newcomer(15, kKernel), "replaced");
  EXPECT_EQ(newcomer(14, kNetwork), "full");
}

}  // namespace
}  // namespace hb
