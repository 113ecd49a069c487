// The observer itself did not run: stopped, suspended, or its machine was paused. No agent is
// reported as silent for that.
#include <algorithm>

#include "tests/observer/fake_exit_watch.hpp"
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMs = 1'000'000;

class PauseTest : public ObserverTest {
 protected:
  static constexpr std::uint64_t kPatience = 2 * kSecond;

  PauseTest() {
    patient_.add(a_);
    patient_.watch(exits_);
    beats(7, 1);
  }

  void beats(std::uint32_t pid, std::uint64_t nonce) {
    a_.deliver(beat(pid, nonce));
    poll_all();
  }

  Words poll_all() {
    Words events;
    while (const auto event = patient_.poll()) events.push_back(words(event));
    return events;
  }

  // As a caller that sleeps exactly as told.
  Words sleep_through(std::uint64_t ns) {
    Words said;
    for (const std::uint64_t end = now() + ns; now() < end;) {
      const std::uint64_t until = std::min(end, std::max(patient_.wake_ns(), now()));
      advance(until - now());
      for (const auto& event : poll_all()) said.push_back(event);
    }
    return said;
  }

  // Nothing runs, and the clock advances.
  Words away_for(std::uint64_t ns) {
    advance(ns);
    return poll_all();
  }

  std::uint64_t jumps() const { return patient_.counters().clock_jumps; }

  FakeExitWatch exits_;
  Observer patient_{clock_,
                    {.threshold_ns = kPatience,
                     .policy = {.observer_ns_inode = kHome, .allow_cross_namespace = false},
                     .seed = 1}};
};

// --- Grace ---

TEST_F(PauseTest, AgentsAreNotSilentAfterAPauseOfTheObserver) {
  EXPECT_EQ(away_for(3600 * kSecond), Words{});
  EXPECT_EQ(jumps(), 1U);
  beats(7, 2);
  EXPECT_EQ(sleep_through(kPatience - 1), Words{});
}

TEST_F(PauseTest, GraceIsOneThreshold) {
  away_for(3600 * kSecond);
  EXPECT_EQ(sleep_through(kPatience - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 7/1"});
  EXPECT_EQ(jumps(), 1U);
}

TEST_F(PauseTest, AStallThatWasDueIsDelayedByTheGrace) {
  EXPECT_EQ(sleep_through(kPatience - 1), Words{});
  EXPECT_EQ(away_for(kSecond + 1), Words{});
  EXPECT_EQ(sleep_through(kPatience - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 7/1"});
}

TEST_F(PauseTest, AStallAfterAPauseHasTheLastBeat) {
  away_for(3600 * kSecond);
  advance(kPatience / 2);
  poll_all();
  advance(kPatience / 2);
  EXPECT_EQ(std::get<Stall>(patient_.poll().value()).last_ns, 0U);
}

TEST_F(PauseTest, RepeatedPausesOnlyDelayAStall) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(away_for(10 * kSecond), Words{});
  EXPECT_EQ(jumps(), 100U);
  EXPECT_EQ(sleep_through(kPatience), Words{"stall 7/1"});
}

TEST_F(PauseTest, AnExitIsReportedDuringTheGrace) {
  advance(3600 * kSecond);
  exits_.end({.pid = 7, .generation_ns = 1, .at_ns = now() - kSecond, .status = {}});
  EXPECT_EQ(poll_all(), Words{"exit 7/1"});
  EXPECT_EQ(sleep_through(2 * kPatience), Words{});
}

// The grace is over, but a beat from within it still waits.
TEST_F(PauseTest, AfterTheGraceUnreadBeatsStillPreventAStall) {
  away_for(3600 * kSecond);
  a_.hold_until(now() + kPatience + 20 * kMs);
  EXPECT_EQ(sleep_through(kPatience - 1), Words{});
  a_.deliver(beat(7, 2));
  EXPECT_EQ(sleep_through(30 * kMs), Words{"beat 7/2"});
}

TEST_F(PauseTest, NoneOfTenThousandAgentsStallsIfItBeatsWithinTheGrace) {
  Observer crowded(clock_,
                   {.threshold_ns = kPatience,
                    .tracker_capacity = 10'000,
                    .policy = {.observer_ns_inode = kHome, .allow_cross_namespace = false}});
  crowded.add(b_);
  const auto all_beat = [&](std::uint64_t nonce) {
    for (std::uint32_t pid = 2; pid < 10'002; ++pid) b_.deliver(beat(pid, nonce));
    while (const auto event = crowded.poll()) ASSERT_TRUE(std::holds_alternative<Beat>(*event));
  };
  all_beat(1);
  EXPECT_EQ(crowded.agents(), 10'000U);
  advance(3600 * kSecond);
  EXPECT_FALSE(crowded.poll());
  advance(kPatience - 1);
  all_beat(2);
  advance(kPatience / 2);
  EXPECT_FALSE(crowded.poll());
  EXPECT_EQ(crowded.counters().stalls, 0U);
  EXPECT_EQ(crowded.counters().beats, 20'000U);
}

// --- What ends the grace ---

// Paused for 900 of every 1,200 ms, an observer once never reported a hung agent.
TEST_F(PauseTest, RepeatedPausesDelayAStallForABoundedTime) {
  Words said;
  int pauses = 0;
  for (; said.empty() && pauses < 100; ++pauses) {
    said = sleep_through(kPatience / 3);
    for (const auto& event : away_for(kPatience)) said.push_back(event);
  }
  EXPECT_EQ(said, Words{"stall 7/1"});
  EXPECT_LT(pauses, 8);
}

class GraceTest : public PauseTest {
 protected:
  // Agent 8 beats ten times a threshold; what it sends waits in the source.
  void other_agent_sends(std::uint64_t for_ns) {
    for (const std::uint64_t end = now() + for_ns; now() < end; advance(kPatience / 10)) {
      Identity sender = process(8);
      sender.sent_ns = now();
      a_.deliver(arrival({.pid = 8, .nonce = nonce_++}, sender));
    }
  }
  static std::uint64_t stalls(const Words& events) {
    return static_cast<std::uint64_t>(std::count(events.begin(), events.end(), "stall 7/1"));
  }

  std::uint64_t nonce_ = 1;
};

TEST_F(GraceTest, SendsDuringThePauseEndTheGrace) {
  other_agent_sends(2 * kPatience);
  EXPECT_EQ(stalls(poll_all()), 1U);
  EXPECT_EQ(jumps(), 1U);
}

TEST_F(GraceTest, SendsOnlyAtTheEndOfThePauseDoNot) {
  advance(2 * kPatience);
  other_agent_sends(kPatience / 5);
  EXPECT_EQ(stalls(poll_all()), 0U);
  EXPECT_EQ(stalls(sleep_through(kPatience - 1)), 0U);
  EXPECT_EQ(stalls(sleep_through(1)), 1U);
}

TEST_F(GraceTest, SendsWithAGapInTheMiddleDoNot) {
  other_agent_sends(kPatience / 2);
  advance(kPatience);
  other_agent_sends(kPatience / 2);
  EXPECT_EQ(stalls(poll_all()), 0U);
}

TEST_F(GraceTest, SendsNeverEndTheGraceAfterASuspend) {
  other_agent_sends(kPatience / 5);
  clock_.suspend(3600 * kSecond);
  other_agent_sends(kPatience);
  EXPECT_EQ(stalls(poll_all()), 0U);
}

// --- What is noticed ---

TEST_F(PauseTest, EachPauseIsReportedOnce) {
  EXPECT_FALSE(patient_.take_clock_jump());
  advance(10 * kSecond);
  poll_all();
  const auto jump = patient_.take_clock_jump();
  ASSERT_TRUE(jump);
  EXPECT_LE(jump->gap_ns, 10 * kSecond);
  EXPECT_GE(jump->gap_ns, 9 * kSecond) << "less what it had meant to sleep";
  EXPECT_FALSE(patient_.take_clock_jump());
}

TEST_F(PauseTest, APauseDuringASleepIsNoticed) {
  sleep_through(kPatience / 8);
  EXPECT_EQ(away_for(kPatience), Words{});
  EXPECT_EQ(jumps(), 1U);
}

TEST_F(PauseTest, APauseBetweenTwoEventsOfATurnIsNoticed) {
  a_.deliver(beat(7, 2));
  a_.deliver(beat(7, 3));
  patient_.poll();
  advance(kPatience / 2);
  while (patient_.poll()) {
  }
  EXPECT_EQ(jumps(), 1U);
}

TEST_F(PauseTest, ASuspendIsNoticedAlthoughClockMonotonicStandsStill) {
  advance(kPatience / 4);
  clock_.suspend(3600 * kSecond);
  EXPECT_EQ(poll_all(), Words{});
  EXPECT_EQ(jumps(), 1U);
  EXPECT_EQ(sleep_through(kPatience - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 7/1"});
  EXPECT_EQ(jumps(), 1U) << "one suspend, one jump";
}

TEST_F(PauseTest, ASuspendDuringAFloodIsNoticedBeforeAStall) {
  a_.flood(garbage());
  for (const std::uint64_t deadline = now() + kPatience; now() < deadline;
       advance(kPatience / 64)) {
    EXPECT_NE(words(patient_.poll()), "stall 7/1");
  }
  clock_.suspend(3600 * kSecond);
  for (int i = 0; i < 60; ++i) {
    EXPECT_NE(words(patient_.poll()), "stall 7/1");
    advance(kPatience / 64);
  }
  EXPECT_EQ(jumps(), 1U);
}

// --- What is not ---

TEST_F(PauseTest, LessThanHalfAThresholdIsNoPause) {
  sleep_through(kPatience / 4);
  const std::uint64_t asked = patient_.wake_ns();
  EXPECT_EQ(away_for(asked - now() + kPatience / 2 - 1), Words{});
  EXPECT_EQ(jumps(), 0U);
  clock_.suspend(kPatience / 2 - 1);
  poll_all();
  EXPECT_EQ(jumps(), 0U);
}

TEST_F(PauseTest, ALongSleepIsNoPause) {
  EXPECT_EQ(sleep_through(kPatience), Words{"stall 7/1"});
  EXPECT_EQ(jumps(), 0U);
}

TEST_F(PauseTest, WithoutAgentsThereIsNoPause) {
  sleep_through(kPatience);
  ASSERT_EQ(patient_.wake_ns(), Source::kNever);
  advance(3600 * kSecond);
  clock_.suspend(3600 * kSecond);
  a_.deliver(garbage());
  patient_.poll();
  advance(3600 * kSecond);
  patient_.poll();
  EXPECT_EQ(jumps(), 0U);
  beats(8, 1);
  EXPECT_EQ(sleep_through(kPatience), Words{"stall 8/1"}) << "what is over gives no grace";
  EXPECT_EQ(jumps(), 0U);
}

TEST_F(PauseTest, AFloodIsNoPause) {
  a_.flood(garbage());
  int late = 0;
  for (; now() < kStart + 2 * kPatience; advance(kPatience / 100), ++late) {
    if (words(patient_.poll()) == "stall 7/1") break;
  }
  EXPECT_LT(late, 150);
  EXPECT_EQ(jumps(), 0U);
}

// A machine that is merely busy, and a threshold so short that half of it means nothing.
TEST_F(PauseTest, LessThanATenthOfASecondIsNoPause) {
  Observer hasty(clock_, {.threshold_ns = 10 * kMs,
                          .policy = {.observer_ns_inode = kHome, .allow_cross_namespace = false}});
  hasty.add(b_);
  b_.deliver(beat(8, 1));
  hasty.poll();
  advance(100 * kMs - 1);
  EXPECT_EQ(words(hasty.poll()), "stall 8/1");
  EXPECT_EQ(hasty.counters().clock_jumps, 0U);
}

}  // namespace
}  // namespace hb
