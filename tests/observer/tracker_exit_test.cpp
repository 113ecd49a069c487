// Processes that exit, and processes that exec.
#include "tests/observer/tracker_fixture.hpp"

namespace hb {
namespace {

// --- Exits ---

TEST_F(TrackerTest, AnExitHasAllFields) {
  beat(5, {.own_pid = 2, .cgroup_id = 9});
  now_ += 1;
  const auto dead = tracker_.record_exit(7, generation_).value();
  EXPECT_EQ(dead.pid, 7U);
  EXPECT_EQ(dead.own_pid, 2U);
  EXPECT_EQ(dead.generation_ns, 50U);
  EXPECT_EQ(dead.cgroup_id, 9U);
  EXPECT_EQ(dead.last_nonce, 5U);
  EXPECT_EQ(dead.last_ns, 1000U);
  EXPECT_EQ(dead.origin, kKernel);
}

TEST_F(TrackerTest, AnExitIsReportedOnce) {
  beat(5);
  EXPECT_TRUE(die());
  EXPECT_FALSE(die());
}

TEST_F(TrackerTest, TheExitOfASilentAgentIsReported) {
  beat(5);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
  EXPECT_TRUE(die());
}

TEST_F(TrackerTest, EndedAgentsAreNotSilent) {
  beat_of(7);
  beat_of(8);
  die(7);
  EXPECT_EQ(tracker_.next_deadline_ns(), now_ + kThreshold);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{8});
  EXPECT_EQ(tracker_.next_deadline_ns(), Tracker::kNever);
}

TEST_F(TrackerTest, OtherAgentsDoNotEnd) {
  EXPECT_FALSE(die()) << "not tracked";
  beat(5);
  EXPECT_FALSE(tracker_.record_exit(8, generation_));
  EXPECT_FALSE(tracker_.record_exit(7, generation_ + 1)) << "another process under this pid";
  EXPECT_FALSE(tracker_.record_exit(7, generation_ - 1));
  EXPECT_FALSE(tracker_.record_exit(7, 0));
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
}

// Without a generation it is not known that the process is the agent.
TEST_F(TrackerTest, AnAgentOfUnknownGenerationDoesNotEnd) {
  generation_ = 0;
  beat(5);
  EXPECT_FALSE(tracker_.record_exit(7, 50));
  EXPECT_FALSE(tracker_.record_exit(7, 0));
  EXPECT_EQ(beat(6), "refreshed");
}

TEST_F(TrackerTest, ALateBeatOfAnEndedProcessIsOutOfOrder) {
  beat(5);
  die();
  EXPECT_EQ(beat(6, {.sent_ns = 999}), "out of order");
  EXPECT_EQ(beat(1, {.sent_ns = 999}), "out of order");
  EXPECT_EQ(last_word(), "out of order");
  generation_ = 0;
  EXPECT_EQ(beat(6), "out of order");
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{});
}

TEST_F(TrackerTest, ThePidOfTheDeadGoesToAnotherProcess) {
  beat(5);
  die();
  generation_ = 60;
  EXPECT_EQ(beat(1), "restarted");
  EXPECT_EQ(tracker_.size(), 1U);
  EXPECT_FALSE(tracker_.record_exit(7, 50)) << "it has been said of that one";
  EXPECT_TRUE(die());
}

TEST_F(TrackerTest, ADeadSlotStillKnowsItsOrigin) {
  beat(5);
  die();
  EXPECT_EQ(beat_from(kNetwork, 1), "origin conflict with kernel_attested");
}

// --- Sessions: an exec keeps pid and generation, and the nonces begin again ---

TEST_F(TrackerTest, AFirstBeatThatWasSentLaterBeginsASession) {
  beat(900, {.sent_ns = 10});
  EXPECT_EQ(beat(1, {.sent_ns = 11}), "new session");
  EXPECT_EQ(beat(2, {.sent_ns = 12}), "refreshed");
}

TEST_F(TrackerTest, ASessionOfOneBeatIsFollowedByAnother) {
  beat(1, {.sent_ns = 10});
  EXPECT_EQ(beat(1, {.sent_ns = 11}), "new session");
  EXPECT_EQ(beat(1, {.sent_ns = 11}), "out of order") << "the same datagram";
}

TEST_F(TrackerTest, ASessionEndsASilence) {
  beat(900, {.sent_ns = 10});
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
  EXPECT_EQ(beat(1, {.sent_ns = 11}), "new session");
  now_ += kThreshold - 1;
  EXPECT_EQ(stalled(), Pids{});
}

TEST_F(TrackerTest, ASessionAfterATerminalBeat) {
  beat(900, {.sent_ns = 10});
  beat(kTerminal, {.status = vlp::Status::Critical, .sent_ns = 11});
  EXPECT_EQ(beat(1, {.sent_ns = 11}), "out of order");
  EXPECT_EQ(beat(1, {.sent_ns = 12}), "new session");
}

// Reordered, or replayed.
TEST_F(TrackerTest, AFirstBeatThatWasSentEarlierIsOutOfOrder) {
  beat(2, {.sent_ns = 10});
  EXPECT_EQ(beat(1, {.sent_ns = 9}), "out of order");
  EXPECT_EQ(beat(1, {.sent_ns = 10}), "out of order");
}

TEST_F(TrackerTest, TheLatestBeatCountsNotTheLastOne) {
  beat(2, {.sent_ns = 10});
  beat(3, {.sent_ns = 8});
  EXPECT_EQ(beat(1, {.sent_ns = 9}), "out of order");
}

TEST_F(TrackerTest, OnlyTheFirstNonceBeginsASession) {
  beat(900, {.sent_ns = 10});
  EXPECT_EQ(beat(0, {.sent_ns = 11}), "out of order");
  EXPECT_EQ(beat(2, {.sent_ns = 11}), "out of order");
}

TEST_F(TrackerTest, WithoutAKnownGenerationThereAreNoSessions) {
  generation_ = 0;
  beat(900, {.sent_ns = 10});
  EXPECT_EQ(beat(1, {.sent_ns = 11}), "out of order");
  generation_ = 50;
  EXPECT_EQ(beat(1, {.sent_ns = 11}), "out of order") << "whose nonces were those before?";
}

TEST_F(TrackerTest, WithoutInstantsOfSendingThereAreNoSessions) {
  beat(900, {.sent_ns = 0});
  EXPECT_EQ(beat(1, {.sent_ns = 11}), "out of order");
  beat(901, {.sent_ns = 12});
  EXPECT_EQ(beat(1, {.sent_ns = 0}), "out of order");
}

TEST_F(TrackerTest, OnlyTheKernelAttestsSessions) {
  beat(900, {.origin = kNetwork, .sent_ns = 10});
  EXPECT_EQ(beat(1, {.origin = kNetwork, .sent_ns = 11}), "out of order");
}

// An agent behind UDP was restarted in a container, and is pid 7 there again.
TEST_F(TrackerTest, WithoutAKnownGenerationASilenceComesBeforeASession) {
  generation_ = 0;
  beat_from(kNetwork, 900);
  EXPECT_EQ(beat_from(kNetwork, 1), "out of order");
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
  EXPECT_EQ(beat_from(kNetwork, 2), "out of order");
  EXPECT_EQ(beat_from(kNetwork, 1), "new session");
  EXPECT_EQ(beat_from(kNetwork, 2), "refreshed");
}

TEST_F(TrackerTest, AnotherProcessHasItsOwnInstants) {
  beat(900, {.sent_ns = 10});
  generation_ = 60;
  EXPECT_EQ(beat(5, {.sent_ns = 3}), "restarted");
  EXPECT_EQ(beat(1, {.sent_ns = 4}), "new session");
}

}  // namespace
}  // namespace hb
