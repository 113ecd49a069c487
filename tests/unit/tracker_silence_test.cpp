// Who is called silent, when, and in which order.
#include "tracker_fixture.hpp"

namespace hb {
namespace {

TEST_F(TrackerTest, NobodyIsNamedBeforeTheThreshold) {
  beat(1);
  now_ += kThreshold - 1;
  EXPECT_EQ(stalled(), Pids{});
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{7});
}

TEST_F(TrackerTest, AStallSaysWhatIsKnownOfTheAgent) {
  beat(5, {.own_pid = 2, .cgroup_id = 9});
  now_ += kThreshold;
  const auto stall = tracker_.expire(now_).value();
  EXPECT_EQ(stall.pid, 7U);
  EXPECT_EQ(stall.own_pid, 2U);
  EXPECT_EQ(stall.generation_ns, 50U);
  EXPECT_EQ(stall.cgroup_id, 9U);
  EXPECT_EQ(stall.ns_inode, 1U);
  EXPECT_EQ(stall.last_nonce, 5U);
  EXPECT_EQ(stall.last_ns, 1000U);
  EXPECT_EQ(stall.origin, kKernel);
}

TEST_F(TrackerTest, ASilenceIsNamedOnceAndTheNextOneAgain) {
  beat(1);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
  now_ += 10 * kThreshold;
  EXPECT_EQ(stalled(), Pids{});
  EXPECT_EQ(beat(2), "changed");
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
}

TEST_F(TrackerTest, ABeatOutOfOrderDoesNotEndASilence) {
  beat(5);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
  beat(5);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{});
}

TEST_F(TrackerTest, ARestartEndsASilenceToo) {
  beat(5);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
  generation_ = 60;
  EXPECT_EQ(beat(1), "restarted");
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
}

TEST_F(TrackerTest, StallsComeInTheOrderOfTheLastBeat) {
  for (const std::uint32_t pid : {10U, 11U, 12U, 13U}) beat_of(pid), ++now_;
  beat_of(11, 2), ++now_;
  beat_of(10, 2);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), (Pids{12, 13, 11, 10}));
}

TEST_F(TrackerTest, AnInstantBeforeTheLastBeatsNamesNobody) {
  beat(1);
  EXPECT_FALSE(tracker_.expire(0));
  EXPECT_FALSE(tracker_.expire(now_ - 1));
}

TEST_F(TrackerTest, TheNextDeadlineIsThatOfTheLongestSilent) {
  EXPECT_EQ(tracker_.next_deadline_ns(), Tracker::kNever);
  beat_of(10);
  now_ += 5;
  beat_of(11);
  EXPECT_EQ(tracker_.next_deadline_ns(), 1000 + kThreshold);
  beat_of(10, 2);
  EXPECT_EQ(tracker_.next_deadline_ns(), 1005 + kThreshold);
  now_ += kThreshold;
  stalled();
  EXPECT_EQ(tracker_.next_deadline_ns(), Tracker::kNever);
}

TEST_F(TrackerTest, AThresholdOfForeverIsNeverReached) {
  Tracker patient(4, Tracker::kNever, 1);
  patient.record({.pid = 7, .nonce = 1}, 1000);
  EXPECT_FALSE(patient.expire(Tracker::kNever - 1));
  EXPECT_EQ(patient.next_deadline_ns(), Tracker::kNever);
}

}  // namespace
}  // namespace hb
