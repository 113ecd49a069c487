// What a slot keeps of its first beat, and which later beats it accepts.
#include "tests/observer/tracker_fixture.hpp"

namespace hb {
namespace {

TEST_F(TrackerTest, TheFirstOriginWinsEitherWay) {
  beat_from(kKernel, 1);
  EXPECT_EQ(beat_from(kNetwork, 2), "origin conflict with kernel_attested");
  tracker_.record({.pid = 8, .nonce = 1, .origin = kNetwork}, now_);
  EXPECT_EQ(beat_of(8, 2), "origin conflict with network_unverified");
}

TEST_F(TrackerTest, AnOriginConflictChangesNothing) {
  beat_from(kKernel, 5);
  now_ += kThreshold - 1;
  beat_from(kNetwork, 900);
  beat(kTerminal, {.status = vlp::Status::Critical, .origin = kNetwork});
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{7});
  EXPECT_EQ(beat_from(kKernel, 6), "changed");
}

TEST_F(TrackerTest, AnotherOriginNeverRestartsASlotByAnotherGeneration) {
  beat_from(kKernel, 5);
  generation_ = 60;
  EXPECT_EQ(beat_from(kNetwork, 1), "origin conflict with kernel_attested");
  generation_ = 50;
  EXPECT_EQ(beat_from(kKernel, 6), "refreshed");
}

TEST_F(TrackerTest, AYoungerProcessUnderTheSamePidRestartsTheSlot) {
  beat(900);
  generation_ = 60;
  EXPECT_EQ(beat(1), "restarted");
  EXPECT_EQ(beat(2), "refreshed");
  EXPECT_EQ(tracker_.size(), 1U);
}

TEST_F(TrackerTest, ARestartTakesOverNamespaceStatusAndDeadline) {
  beat_with(vlp::Status::Critical, 900);
  now_ += kThreshold - 1;
  generation_ = 60;
  ns_ = 2;
  EXPECT_EQ(beat(1), "restarted");
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{});
  EXPECT_EQ(beat(2), "refreshed");
}

TEST_F(TrackerTest, ARestartForgetsTheNoncesAlsoByATerminal) {
  beat(900);
  generation_ = 60;
  EXPECT_EQ(last_word(), "restarted");
  EXPECT_EQ(beat(1), "changed");
}

// It had the pid before, so it has ended; its frame was only reordered.
TEST_F(TrackerTest, ALateBeatOfAnOlderProcessIsOutOfOrder) {
  beat(900);
  generation_ = 60;
  beat(1);
  generation_ = 50;
  EXPECT_EQ(beat(901), "out of order");
  EXPECT_EQ(last_word(), "out of order");
  generation_ = 60;
  EXPECT_EQ(beat(2), "refreshed");
}

TEST_F(TrackerTest, AnotherNamespaceOfTheSameProcessIsAConflict) {
  beat(5);
  ns_ = 2;
  EXPECT_EQ(beat(6), "namespace conflict with 1");
  EXPECT_EQ(last_word(), "namespace conflict with 1");
  ns_ = 1;
  EXPECT_EQ(beat(6), "refreshed");
}

TEST_F(TrackerTest, AnotherNamespaceIsAConflictAlsoWhenNoGenerationIsKnown) {
  generation_ = 0;
  beat(5);
  ns_ = 2;
  EXPECT_EQ(beat(6), "namespace conflict with 1");
  generation_ = 60;
  EXPECT_EQ(beat(6), "namespace conflict with 1");
}

TEST_F(TrackerTest, ANamespaceConflictDoesNotPostponeAStall) {
  beat(5);
  now_ += kThreshold - 1;
  ns_ = 2;
  beat(6);
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{7});
}

TEST_F(TrackerTest, UnknownFieldsOfABeatMatchAny) {
  beat(5);
  ns_ = 0;
  generation_ = 0;
  EXPECT_EQ(beat(6), "refreshed");
  EXPECT_EQ(beat(6), "out of order");
}

TEST_F(TrackerTest, UnknownFieldsOfASlotAreSetOnce) {
  ns_ = 0;
  generation_ = 0;
  beat(5);
  ns_ = 1;
  generation_ = 50;
  EXPECT_EQ(beat(6), "refreshed");
  ns_ = 2;
  EXPECT_EQ(beat(7), "namespace conflict with 1");
  generation_ = 60;
  EXPECT_EQ(beat(1), "restarted");
}

TEST_F(TrackerTest, NothingIsLearnedFromABeatOutOfOrder) {
  ns_ = 0;
  beat(5);
  ns_ = 2;
  EXPECT_EQ(beat(5), "out of order");
  ns_ = 1;
  EXPECT_EQ(beat(6), "refreshed");
}

}  // namespace
}  // namespace hb
