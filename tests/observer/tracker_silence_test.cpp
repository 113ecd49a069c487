// Which agents are silent, when, and in which order.
#include "tests/observer/tracker_fixture.hpp"

namespace hb {
namespace {

TEST_F(TrackerTest, NoStallBeforeTheThreshold) {
  beat(1);
  now_ += kThreshold - 1;
  EXPECT_EQ(stalled(), Pids{});
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{7});
}

// The observer reads the clock, and then its sources. If it did not run in between, a beat that was
// sent meanwhile counted as if it were as old as that reading, and its agent was silent too early.
TEST_F(TrackerTest, ABeatCountsFromWhenItWasSentThoughTheClockWasReadBefore) {
  beat(1, {.sent_ns = now_ + 20});
  now_ += kThreshold + 19;
  EXPECT_EQ(stalled(), Pids{});
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{7});
}

TEST_F(TrackerTest, AStallHasAllFields) {
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

TEST_F(TrackerTest, EachSilenceIsReportedOnce) {
  beat(1);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
  now_ += 10 * kThreshold;
  EXPECT_EQ(stalled(), Pids{});
  EXPECT_EQ(beat(2), "changed");
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
}

// How often the process was silent, as somebody who looks at the agents sees it.
TEST_F(TrackerTest, SilencesAreCountedForEachProcess) {
  const auto stalls = [&] {
    std::uint32_t seen = 0;
    tracker_.for_each_agent(
        [&](const Tracker::Stalled& agent, std::uint64_t) { seen = agent.stalls; });
    return seen;
  };
  beat(1);
  EXPECT_EQ(stalls(), 0U);
  for (std::uint64_t nonce = 2; nonce <= AgentTable::kMostStalls + 5; ++nonce) {
    now_ += kThreshold;
    EXPECT_EQ(stalled(), Pids{7});
    EXPECT_EQ(stalls(), std::min<std::uint64_t>(nonce - 1, AgentTable::kMostStalls));
    beat(nonce);
  }
  generation_ = 60;
  EXPECT_EQ(beat(1), "restarted");
  EXPECT_EQ(stalls(), 0U);
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

TEST_F(TrackerTest, AnInstantBeforeTheLastBeatsHasNoStalls) {
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

// With a source that is read every 30, stalls were once reported up to 30 late.
class LateReaderTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kThreshold = 100;
  static constexpr std::uint64_t kDelay = 30;

  void beat(std::uint32_t pid, std::uint64_t sent_ns, std::uint64_t read_ns) {
    tracker_.record({.pid = pid, .generation_ns = 1, .nonce = ++nonce_, .sent_ns = sent_ns},
                    read_ns);
  }
  std::vector<std::uint32_t> silent_at(std::uint64_t at_ns) {
    std::vector<std::uint32_t> pids;
    while (const auto stall = tracker_.expire(at_ns)) pids.push_back(stall->pid);
    return pids;
  }

  using Pids = std::vector<std::uint32_t>;

  Tracker tracker_{256, kThreshold, /*seed=*/1, Eviction::Strict, 0, kDelay};
  std::uint64_t nonce_ = 0;
};

TEST_F(LateReaderTest, CountsSilenceFromTheSending) {
  beat(7, 1000, 1020);
  EXPECT_EQ(tracker_.next_deadline_ns(), 1100U);
  EXPECT_EQ(silent_at(1099), Pids{});
  EXPECT_EQ(silent_at(1100), Pids{7});
}

TEST_F(LateReaderTest, ABlockedSenderIsNotSilent) {
  beat(7, 500, 1000);
  EXPECT_EQ(tracker_.next_deadline_ns(), 1000 - kDelay + kThreshold);
}

TEST_F(LateReaderTest, WithoutATimeOfSendingTheTimeOfReceptionCounts) {
  tracker_.record({.pid = 7, .nonce = 1}, 1000);
  EXPECT_EQ(tracker_.next_deadline_ns(), 1100U);
}

TEST_F(LateReaderTest, PutsBeatsIntoTheOrderOfTheirSending) {
  beat(7, 1010, 1020);
  beat(8, 1000, 1020);
  beat(9, 1005, 1020);
  EXPECT_EQ(silent_at(1100), Pids{8});
  EXPECT_EQ(silent_at(1105), Pids{9});
  EXPECT_EQ(silent_at(1110), Pids{7});
}

TEST_F(LateReaderTest, SortsAnOldBeatBeforeAllOthers) {
  beat(7, 1020, 1020);
  beat(8, 1020, 1020);
  beat(7, 1021, 1021);
  beat(9, 1000, 1021);
  EXPECT_EQ(silent_at(1100), Pids{9});
  EXPECT_EQ(silent_at(1121), (Pids{8, 7}));
}

TEST_F(LateReaderTest, LimitsSortingAndMayReportLate) {
  constexpr std::uint32_t kNewer = 2 * Tracker::kOutOfOrder;
  for (std::uint32_t n = 0; n < kNewer; ++n) beat(100 + n, 1020, 1020);
  beat(7, 1000, 1020);
  EXPECT_EQ(silent_at(1119), Pids{});
  EXPECT_EQ(silent_at(1120).size(), kNewer + 1);
}

// An agent that beats twice within the threshold is not silent because of our delay.
TEST(LateReader, ABeatCountsFromItsSendingForUpToAThirdOfTheThreshold) {
  Tracker tracker(4, 90, /*seed=*/1, Eviction::Strict, 0, 60);
  tracker.record({.pid = 7, .generation_ns = 1, .nonce = 1, .sent_ns = 940}, 1000);
  EXPECT_EQ(tracker.next_deadline_ns(), 1000U - 30 + 90);
}

}  // namespace
}  // namespace hb
