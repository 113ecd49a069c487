// When the observer reports a silence, when it must not yet, and wake_ns().
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

class ObserverStallTest : public ObserverTest {
 protected:
  // Agent 7 has beaten once, now, and nothing waits anywhere.
  ObserverStallTest() {
    a_.deliver(beat(7, 1));
    poll_all();
    log_.clear();
  }

  // Polls once a nanosecond until agent 7 stalls; returns how long after its deadline.
  std::uint64_t stall_is_late_by(std::uint64_t at_most) {
    for (const std::uint64_t began = now(); now() <= began + kThreshold + at_most; advance(1)) {
      if (poll() == "stall 7/1") return now() - (began + kThreshold);
    }
    ADD_FAILURE() << "no stall";
    return at_most;
  }
};

// --- Up to where silence may be judged ---

TEST_F(ObserverStallTest, ComesAtTheDeadlineWhenNothingWaits) {
  EXPECT_EQ(stall_is_late_by(10), 0U);
}

TEST_F(ObserverStallTest, TellsItsThreshold) {
  advance(kThreshold);
  EXPECT_EQ(poll_for<Stall>().threshold_ns, kThreshold);
}

TEST_F(ObserverStallTest, ComesInTheFirstPollHoweverLateThatIs) {
  advance(100 * kThreshold);
  EXPECT_EQ(poll(), "stall 7/1");
}

TEST_F(ObserverStallTest, IsReportedOnceAndAgainAfterTheNextBeat) {
  advance(kThreshold);
  EXPECT_EQ(poll_all(), Words{"stall 7/1"});
  advance(kThreshold);
  EXPECT_EQ(poll_all(), Words{});
  a_.deliver(beat(7, 2));
  EXPECT_TRUE(poll_for<Beat>().first_or_changed) << "back from a stall";
  advance(kThreshold);
  EXPECT_EQ(poll_all(), Words{"stall 7/2"});
}

TEST_F(ObserverStallTest, IsPreventedByABeatThatStillWaits) {
  advance(kThreshold - 1);
  a_.deliver(beat(7, 2));
  advance(2);
  EXPECT_EQ(poll_all(), Words{"beat 7/2"});
}

TEST_F(ObserverStallTest, IsPreventedByABeatThatWaitsBehindOthers) {
  for (int i = 0; i < 5; ++i) a_.deliver(garbage());
  a_.deliver(Dropped{FrameDrop::WrongLength});
  a_.deliver(beat(7, 2));
  advance(2 * kThreshold);
  EXPECT_EQ(poll_all().back(), "beat 7/2");
  EXPECT_EQ(observer_.counters().stalls, 0U);
}

TEST_F(ObserverStallTest, IsPreventedByABeatInTheOtherSource) {
  a_.deliver(garbage());
  b_.deliver(beat(7, 2));
  advance(2 * kThreshold);
  EXPECT_EQ(poll_all(), (Words{"beat 7/2", "BadMagic"}));
}

TEST_F(ObserverStallTest, IsPreventedByABeatThatWaitsForItsStamp) {
  a_.hold_until(now() + kThreshold + 20);
  a_.deliver(beat(7, 2));
  advance(kThreshold);
  EXPECT_EQ(poll(), "nothing");
  advance(20);
  EXPECT_EQ(poll_all(), Words{"beat 7/2"});
}

TEST_F(ObserverStallTest, IsNotPreventedByAnotherAgentsBeats) {
  advance(kThreshold / 2);
  a_.deliver(beat(8, 1));
  poll();
  advance(kThreshold / 2);
  EXPECT_EQ(poll_all(), Words{"stall 7/1"});
}

TEST_F(ObserverStallTest, ComesBeforeAnythingThatWaits) {
  advance(kThreshold);
  poll_all();
  a_.deliver(beat(7, 2));
  a_.deliver(beat(8, 1));
  poll_all();
  advance(kThreshold);
  EXPECT_EQ(poll(), "stall 7/2");
  a_.deliver(garbage());
  EXPECT_EQ(poll(), "stall 8/1");
  EXPECT_EQ(poll(), "BadMagic");
}

TEST_F(ObserverStallTest, AllThatAreDueComeBeforeSleep) {
  a_.deliver(beat(8, 1));
  poll_all();
  advance(kThreshold);
  EXPECT_EQ(poll(), "stall 7/1");
  EXPECT_LE(observer_.wake_ns(), now());
  EXPECT_EQ(poll(), "stall 8/1");
}

// --- Floods ---

TEST_F(ObserverStallTest, IsNotHiddenByAFloodOfEvents) {
  a_.flood(garbage());
  EXPECT_LE(stall_is_late_by(80), 2 * (FakeSource::kQueueLength + Feeds::kAhead) + 2);
}

TEST_F(ObserverStallTest, IsNotHiddenByAFloodOfSilentDrops) {
  a_.flood(Dropped{FrameDrop::WrongLength});
  EXPECT_LE(stall_is_late_by(50), 2U);
}

TEST_F(ObserverStallTest, IsNotHiddenByFloodsOnBothSources) {
  a_.flood(garbage());
  b_.flood(garbage());
  EXPECT_LE(stall_is_late_by(100), 2 * (2 * FakeSource::kQueueLength + Feeds::kAhead + 2));
}

TEST_F(ObserverStallTest, IsNotHiddenByReceiveErrors) {
  advance(kThreshold);
  a_.deliver(ReceiveFailed{Error{"nope", 1}});
  EXPECT_EQ(poll_all(), (Words{"io nope", "stall 7/1"}));
}

// --- When to be woken ---

TEST_F(ObserverStallTest, WakesAtTheNextDeadline) {
  EXPECT_EQ(observer_.wake_ns(), now() + kThreshold);
  advance(10);
  a_.deliver(beat(8, 1));
  poll_all();
  EXPECT_EQ(observer_.wake_ns(), now() - 10 + kThreshold);
}

TEST_F(ObserverStallTest, DoesNotWakeWithoutLiveAgents) {
  advance(kThreshold);
  poll_all();
  EXPECT_EQ(observer_.wake_ns(), Source::kNever);
}

TEST_F(ObserverStallTest, WakesAtOnceWhenMoreMayWait) {
  a_.deliver(garbage());
  a_.deliver(garbage());
  poll();
  EXPECT_LE(observer_.wake_ns(), now());
}

TEST_F(ObserverStallTest, WakesAtOnceForASourceThatWasNeverLookedAt) {
  FakeSource late("late", now(), log_);
  observer_.add(late);
  EXPECT_LE(observer_.wake_ns(), now());
}

TEST_F(ObserverStallTest, WakesWhenASourceWantsTo) {
  a_.hold_until(now() + 20);
  poll_all();
  EXPECT_EQ(observer_.wake_ns(), now() + 20);
}

// A deadline has passed, but a source still holds a frame, so it cannot be judged yet. The observer
// is woken when the source has decided, not before.
TEST_F(ObserverStallTest, DoesNotSpinOnADeadlineThatASourceDelays) {
  a_.hold_until(now() + kThreshold + 50);
  advance(kThreshold + 1);
  EXPECT_EQ(poll(), "nothing");
  EXPECT_EQ(observer_.wake_ns(), now() + 49);
  advance(49);
  EXPECT_EQ(poll(), "stall 7/1");
}

TEST_F(ObserverStallTest, RetriesWhenASourceWithoutWakeNsDelaysADeadline) {
  a_.hold_until(now() + kThreshold + 50);
  a_.never_wake();
  advance(kThreshold + 1);
  EXPECT_EQ(poll(), "nothing");
  EXPECT_GT(observer_.wake_ns(), now());
  EXPECT_LT(observer_.wake_ns(), Source::kNever);
}

// A caller that sleeps exactly until wake_ns(): each stall comes at its deadline with one wake-up.
TEST_F(ObserverStallTest, SleepingUntilWokenMissesNothing) {
  advance(30);
  a_.deliver(beat(8, 1));
  poll_all();
  Words said;
  int wakes = 0;
  for (; observer_.wake_ns() != Source::kNever; ++wakes) {
    advance(observer_.wake_ns() - now());
    for (const auto& event : poll_all()) said.push_back(event + " at " + std::to_string(now()));
  }
  EXPECT_EQ(said, (Words{"stall 7/1 at " + std::to_string(kStart + kThreshold),
                         "stall 8/1 at " + std::to_string(kStart + 30 + kThreshold)}));
  EXPECT_EQ(wakes, 2);
}

}  // namespace
}  // namespace hb
