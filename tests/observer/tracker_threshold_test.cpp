// Agents with thresholds of their own.
#include <cstdint>

#include "tests/observer/tracker_fixture.hpp"

namespace hb {
namespace {

class ThresholdTest : public TrackerTest {
 protected:
  static constexpr std::uint64_t kShort = kThreshold / 4;
  static constexpr std::uint64_t kLong = 3 * kThreshold;

  explicit ThresholdTest(Eviction eviction = Eviction::Strict) : TrackerTest(eviction) {}

  bool set(std::uint32_t pid, std::uint64_t threshold_ns) {
    return tracker_.set_threshold(pid, generation_, threshold_ns);
  }
  void beat_of_one_with(std::uint64_t threshold_ns, std::uint32_t pid) {
    beat_of(pid);
    EXPECT_TRUE(set(pid, threshold_ns));
  }
  Pids stalled_at(std::uint64_t now_ns) {
    now_ = now_ns;
    return stalled();
  }
};

// --- Each agent has its own deadline ---

TEST_F(ThresholdTest, EachAgentIsFoundAtItsOwnDeadline) {
  beat_of(7);
  beat_of_one_with(kLong, 8);
  beat_of_one_with(kShort, 9);
  EXPECT_EQ(tracker_.next_deadline_ns(), 1000 + kShort);
  EXPECT_EQ(stalled_at(1000 + kShort - 1), Pids{});
  EXPECT_EQ(stalled_at(1000 + kShort), Pids{9});
  EXPECT_EQ(tracker_.next_deadline_ns(), 1000 + kThreshold);
  EXPECT_EQ(stalled_at(1000 + kThreshold), Pids{7});
  EXPECT_EQ(stalled_at(1000 + kLong - 1), Pids{});
  EXPECT_EQ(stalled_at(1000 + kLong), Pids{8});
  EXPECT_EQ(tracker_.next_deadline_ns(), Tracker::kNever);
}

TEST_F(ThresholdTest, StallsComeInTheOrderOfTheirDeadlines) {
  beat_of_one_with(kLong, 8);
  now_ += kThreshold;
  beat_of(7);
  now_ += kThreshold;
  beat_of_one_with(kShort, 9);
  EXPECT_EQ(stalled_at(1000 + kLong), (Pids{7, 9, 8}));
}

TEST_F(ThresholdTest, BeatsKeepIt) {
  beat_of_one_with(kShort, 7);
  beat_of(8);
  now_ += kShort - 1;
  beat_of(7, 2);
  beat_of(8, 2);
  EXPECT_EQ(stalled_at(now_ + kShort), Pids{7});
  EXPECT_EQ(beat_of(7, 3), "changed");
  EXPECT_EQ(stalled_at(now_ + kShort), Pids{7});
}

TEST_F(ThresholdTest, OfForeverIsNeverReached) {
  beat_of_one_with(Tracker::kNever, 7);
  EXPECT_EQ(tracker_.next_deadline_ns(), Tracker::kNever);
  EXPECT_EQ(stalled_at(Tracker::kNever - 1), Pids{});
}

// --- Which agent is given one ---

TEST_F(ThresholdTest, IsOfAProcessAndNotOfItsPid) {
  EXPECT_FALSE(set(7, kShort)) << "no agent";
  beat_of(7);
  EXPECT_FALSE(tracker_.set_threshold(7, generation_ + 1, kShort));
  EXPECT_FALSE(tracker_.set_threshold(7, 0, kShort));
  EXPECT_EQ(stalled_at(1000 + kThreshold - 1), Pids{});
}

TEST_F(ThresholdTest, AnAgentOfUnknownGenerationHasTheDefault) {
  generation_ = 0;
  beat_of(7);
  EXPECT_FALSE(set(7, kShort));
}

TEST_F(ThresholdTest, ADeadAgentHasNone) {
  beat_of(7);
  die(7);
  EXPECT_FALSE(set(7, kShort));
}

TEST_F(ThresholdTest, ANewProcessUnderAPidBeginsWithTheDefault) {
  beat_of_one_with(kShort, 7);
  generation_ += 1;
  EXPECT_EQ(beat_of(7), "restarted");
  EXPECT_EQ(stalled_at(1000 + kThreshold - 1), Pids{});
  EXPECT_EQ(stalled_at(1000 + kThreshold), Pids{7});
}

TEST_F(ThresholdTest, ANewProcessInTheSlotOfADeadOneBeginsWithTheDefault) {
  for (const std::uint32_t pid : {7U, 8U, 9U, 10U}) beat_of_one_with(kShort, pid);
  die(7);
  EXPECT_EQ(beat_of(11), "inserted");
  EXPECT_EQ(tracker_.size(), 4U);
  EXPECT_EQ(stalled_at(1000 + kShort), (Pids{8, 9, 10}));
  EXPECT_EQ(stalled_at(1000 + kThreshold), Pids{11});
}

// --- A threshold is changed ---

TEST_F(ThresholdTest, AShorterOneThatHasPassedIsDueAtOnce) {
  beat_of(7);
  now_ += kThreshold / 2;
  beat_of(8);
  EXPECT_TRUE(set(7, kShort));
  EXPECT_LE(tracker_.next_deadline_ns(), now_);
  EXPECT_EQ(stalled(), Pids{7});
}

TEST_F(ThresholdTest, AShorterOneCountsFromTheLastBeat) {
  beat_of(7);
  now_ += kShort / 2;
  EXPECT_TRUE(set(7, kShort));
  EXPECT_EQ(tracker_.next_deadline_ns(), 1000 + kShort);
}

TEST_F(ThresholdTest, ALongerOneCountsFromTheLastBeat) {
  beat_of(7);
  now_ += kThreshold - 1;
  EXPECT_TRUE(set(7, kLong));
  EXPECT_EQ(tracker_.next_deadline_ns(), 1000 + kLong);
  EXPECT_EQ(stalled_at(1000 + kLong - 1), Pids{});
}

TEST_F(ThresholdTest, AgentsOfOneThresholdAreInOrderWhicheverGotItFirst) {
  for (const std::uint32_t pid : {7U, 8U, 9U}) beat_of(pid), ++now_;
  for (const std::uint32_t pid : {8U, 9U, 7U}) EXPECT_TRUE(set(pid, kLong));
  EXPECT_EQ(tracker_.next_deadline_ns(), 1000 + kLong);
  EXPECT_EQ(stalled_at(1000 + kLong), Pids{7});
  EXPECT_EQ(stalled_at(1002 + kLong), (Pids{8, 9}));
}

TEST_F(ThresholdTest, AStalledAgentRemainsSoUntilItBeats) {
  beat_of(7);
  EXPECT_EQ(stalled_at(1000 + kThreshold), Pids{7});
  EXPECT_TRUE(set(7, kLong));
  EXPECT_EQ(stalled_at(1000 + 2 * kLong), Pids{});
  EXPECT_EQ(beat_of(7, 2), "changed");
  EXPECT_EQ(tracker_.next_deadline_ns(), now_ + kLong);
}

TEST_F(ThresholdTest, MayBeTheDefaultAgain) {
  beat_of_one_with(kLong, 7);
  EXPECT_TRUE(set(7, kThreshold));
  EXPECT_EQ(tracker_.next_deadline_ns(), 1000 + kThreshold);
}

TEST_F(ThresholdTest, TheShortestInUseIsKnown) {
  EXPECT_EQ(tracker_.shortest_threshold_ns(), kThreshold);
  beat_of_one_with(kShort, 7);
  beat_of_one_with(kLong, 8);
  EXPECT_EQ(tracker_.shortest_threshold_ns(), kShort);
  die(7);
  EXPECT_EQ(tracker_.shortest_threshold_ns(), kThreshold);
}

// --- How long beats may wait, and when an unheard agent is checked again ---

TEST(LateReaderWithThresholds, ABeatCountsFromItsSendingForUpToAThirdOfTheAgentsThreshold) {
  Tracker tracker(4, 90, /*seed=*/1, Eviction::Strict, 0, 60);
  tracker.record({.pid = 7, .generation_ns = 1, .nonce = 1, .sent_ns = 900}, 1000);
  EXPECT_EQ(tracker.next_deadline_ns(), 1000U - 30 + 90);
  EXPECT_TRUE(tracker.set_threshold(7, 1, 30));
  EXPECT_EQ(tracker.next_deadline_ns(), 1000U - 10 + 30);
  EXPECT_TRUE(tracker.set_threshold(7, 1, 600));
  EXPECT_EQ(tracker.next_deadline_ns(), 1000U - 60 + 600);
}

TEST_F(ThresholdTest, AnUnheardAgentIsCheckedAgainAfterAQuarterOfItsOwn) {
  beat_of_one_with(kLong, 7);
  now_ += kLong;
  EXPECT_FALSE(tracker_.expire(now_, [](const Tracker::Due& agent) {
    EXPECT_EQ(agent.threshold_ns, kLong);
    return false;
  }));
  EXPECT_EQ(tracker_.next_deadline_ns(), now_ + kLong / 4);
}

TEST_F(ThresholdTest, AnUnheardAgentWithALongerOneIsNoLongerDue) {
  beat_of(7);
  now_ += kThreshold;
  tracker_.expire(now_, [](const Tracker::Due&) { return false; });
  EXPECT_TRUE(set(7, kLong));
  EXPECT_EQ(tracker_.next_deadline_ns(), 1000 + kLong);
}

// --- Eviction ---

class ThresholdEvictionTest : public ThresholdTest {
 protected:
  // Agent 7 has the long threshold; 8, 9 and 10 the short one. All are silent, and 7 for longest.
  explicit ThresholdEvictionTest(Eviction eviction = Eviction::Strict) : ThresholdTest(eviction) {
    beat_of_one_with(kLong, 7);
    now_ += kLong - kShort;
    for (const std::uint32_t pid : {8U, 9U, 10U}) beat_of_one_with(kShort, pid);
    last_ns_ = now_;
    now_ += kShort;
    EXPECT_EQ(stalled().size(), 4U);
  }

  std::uint64_t last_ns_ = 0;
};

TEST_F(ThresholdEvictionTest, StrictWaitsForTenOfTheAgentsThresholds) {
  now_ = last_ns_ + Tracker::kLongSilence * kShort - 1;
  EXPECT_EQ(beat_of(11), "full");
  now_ += 1;
  EXPECT_EQ(beat_of(11), "replaced");
  EXPECT_EQ(beat_of(7, 2), "changed") << "it has been silent for longer, but may be";
  EXPECT_FALSE(die(8));
}

TEST_F(ThresholdEvictionTest, StrictEvictsTheLongestSilentOfThoseThatItMay) {
  now_ = 1000 + Tracker::kLongSilence * kLong;
  EXPECT_EQ(beat_of(11), "replaced");
  EXPECT_FALSE(die(7));
}

class BalancedThresholdEvictionTest : public ThresholdEvictionTest {
 protected:
  BalancedThresholdEvictionTest() : ThresholdEvictionTest(Eviction::Balanced) {}
};

TEST_F(BalancedThresholdEvictionTest, TheLongestSilentIsEvicted) {
  EXPECT_EQ(beat_of(11), "replaced");
  EXPECT_FALSE(die(7));
  EXPECT_EQ(beat_of(12), "replaced");
  EXPECT_FALSE(die(8));
}

TEST_F(ThresholdEvictionTest, ANewAgentInTheSlotBeginsWithTheDefault) {
  now_ = last_ns_ + Tracker::kLongSilence * kShort;
  beat_of(11);
  EXPECT_EQ(tracker_.next_deadline_ns(), now_ + kThreshold);
}

// --- How many there can be ---

class ManyThresholdsTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kDefault = 1000;
  static constexpr auto kOthers = Thresholds::kMost - 1;

  // As many agents as there can be different thresholds, and one more; all but the last two have
  // one of their own.
  ManyThresholdsTest() {
    for (std::uint32_t n = 0; n < kOthers + 2; ++n) beat(100 + n, 1);
    for (std::uint32_t n = 0; n < kOthers; ++n) EXPECT_TRUE(set(100 + n, kDefault + 1 + n));
  }

  void beat(std::uint32_t pid, std::uint64_t nonce, std::uint64_t generation_ns = 1) {
    tracker_.record({.pid = pid, .generation_ns = generation_ns, .nonce = nonce}, 0);
  }
  bool set(std::uint32_t pid, std::uint64_t threshold_ns) {
    return tracker_.set_threshold(pid, 1, threshold_ns);
  }

  const std::uint32_t first_ = 100;
  const std::uint32_t last_ = 100 + kOthers;
  Tracker tracker_{256, kDefault, /*seed=*/1};
};

TEST_F(ManyThresholdsTest, EachAgentIsFoundAtItsOwnDeadline) {
  for (std::uint32_t n = 0; n < kOthers; ++n) {
    const std::uint64_t at_ns = kDefault + 1 + n;
    while (tracker_.next_deadline_ns() < at_ns) tracker_.expire(at_ns - 1);
    EXPECT_EQ(tracker_.next_deadline_ns(), at_ns);
    EXPECT_EQ(tracker_.expire(at_ns).value().pid, first_ + n);
  }
}

TEST_F(ManyThresholdsTest, OneMoreIsRefusedAndChangesNothing) {
  EXPECT_FALSE(set(last_, 1));
  EXPECT_EQ(tracker_.next_deadline_ns(), kDefault);
  EXPECT_TRUE(set(last_, kDefault + 7)) << "known already";
}

TEST_F(ManyThresholdsTest, OneThatNoAgentHasAnyMoreIsReused) {
  EXPECT_TRUE(set(first_, kDefault));
  EXPECT_TRUE(set(last_, 1));
  EXPECT_EQ(tracker_.next_deadline_ns(), 1U);
  EXPECT_FALSE(set(last_ + 1, 2));
}

TEST_F(ManyThresholdsTest, AnAgentThatIsAloneWithOneMayChangeIt) {
  for (std::uint64_t ns = 2000; ns < 3000; ++ns) EXPECT_TRUE(set(first_, ns));
  EXPECT_TRUE(set(first_, 1));
  EXPECT_EQ(tracker_.next_deadline_ns(), 1U);
}

TEST_F(ManyThresholdsTest, TwoAgentsShareOneAndBothHaveToLeaveIt) {
  EXPECT_TRUE(set(last_, kDefault + 1));
  EXPECT_TRUE(set(first_, kDefault));
  EXPECT_FALSE(set(last_ + 1, 1));
  EXPECT_TRUE(set(last_, kDefault));
  EXPECT_TRUE(set(last_ + 1, 1));
}

TEST_F(ManyThresholdsTest, TheOneOfADeadAgentIsReused) {
  tracker_.record_exit(first_, 1);
  EXPECT_TRUE(set(last_, 1));
}

TEST_F(ManyThresholdsTest, TheOneOfARestartedAgentIsReused) {
  beat(first_, 1, /*generation_ns=*/2);
  EXPECT_TRUE(set(last_, 1));
}

TEST_F(ManyThresholdsTest, TheOneOfAStalledAgentIsStillInUse) {
  while (tracker_.expire(2 * kDefault)) {
  }
  EXPECT_FALSE(set(last_, 1));
}

// --- Thresholds of many agents at once, in another order than that of their beats ---

class ManyAgentsTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kAgents = 10'000;
  static constexpr std::uint64_t kBefore = 40'000;
  static constexpr std::uint64_t kAfter = 20'000;

  // Agent n beats at n. Then all get another threshold, the last first.
  ManyAgentsTest() {
    for (std::uint32_t n = 0; n < kAgents; ++n) {
      tracker_.record({.pid = 2 + n, .generation_ns = 1, .nonce = 1}, n);
    }
    for (std::uint32_t n = kAgents; n-- > 0;) {
      EXPECT_TRUE(tracker_.set_threshold(2 + n, 1, kAfter));
    }
  }

  Tracker tracker_{kAgents, kBefore, /*seed=*/1};
};

TEST_F(ManyAgentsTest, EachIsFoundAtMostAQuarterOfItsThresholdLateAndNeverEarly) {
  std::uint32_t stalls = 0;
  for (std::uint64_t now = kAgents; now <= kAgents + 2 * kAfter; now += 10) {
    while (tracker_.next_deadline_ns() <= now) {
      const auto stall = tracker_.expire(now);
      if (!stall) continue;
      ++stalls;
      const std::uint64_t deadline = stall->last_ns + kAfter;
      ASSERT_GE(now, deadline);
      ASSERT_LE(now, deadline + kAfter / 4 + 10);
    }
  }
  EXPECT_EQ(stalls, kAgents);
}

TEST_F(ManyAgentsTest, ThoseThatAreOverdueAreFoundAtOnce) {
  const std::uint64_t now = kAgents / 2 + kAfter;
  std::uint32_t stalls = 0;
  while (tracker_.next_deadline_ns() <= now) stalls += tracker_.expire(now) ? 1 : 0;
  EXPECT_EQ(stalls, kAgents / 2 + 1);
}

}  // namespace
}  // namespace hb
