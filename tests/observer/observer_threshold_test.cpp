// Agents with thresholds of their own, as the observer sees them: also those that are unheard, and
// after a time in which the observer itself did not run.
#include <algorithm>
#include <cstdint>

#include "base/units.hpp"
#include "tests/observer/fake_attempt_watch.hpp"
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

class ObserverThresholdTest : public ObserverTest {
 protected:
  static constexpr std::uint64_t kDefault = 2 * kNsPerSecond;
  static constexpr std::uint64_t kShort = 400 * kNsPerMs;
  static constexpr std::uint64_t kLong = 60 * kNsPerSecond;

  ObserverThresholdTest() { patient_.add(a_); }

  void beats(std::uint32_t pid, std::uint64_t nonce = 1) {
    Identity sender = process(pid);
    sender.slot = pid;
    a_.deliver(arrival({.pid = pid, .nonce = nonce}, sender));
    poll_all();
  }
  void beats_with(std::uint64_t threshold_ns, std::uint32_t pid) {
    beats(pid);
    EXPECT_TRUE(patient_.set_threshold(pid, 1, threshold_ns));
    poll_all();
  }
  // Sends that wait in the source.
  void sends_every(std::uint64_t interval_ns, std::uint64_t for_ns, std::uint32_t pid) {
    for (const std::uint64_t end = now() + for_ns; now() < end; advance(interval_ns)) {
      Identity sender = process(pid);
      sender.sent_ns = now();
      a_.deliver(arrival({.pid = pid, .nonce = ++nonce_}, sender));
    }
  }

  Words poll_all() {
    Words events;
    while (const auto event = patient_.poll()) {
      if (!std::holds_alternative<Beat>(*event)) events.push_back(words(event));
    }
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

  FakeAttemptWatch attempts_;
  std::uint64_t nonce_ = 0;
  Observer patient_{clock_,
                    {.threshold_ns = kDefault,
                     .policy = {.observer_ns_inode = kHome, .allow_cross_namespace = false},
                     .seed = 1}};
};

TEST_F(ObserverThresholdTest, EachAgentIsSilentAfterItsOwn) {
  beats(7);
  beats_with(kShort, 8);
  beats_with(kLong, 9);
  EXPECT_EQ(sleep_through(kShort - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 8/1"});
  EXPECT_EQ(sleep_through(kDefault - kShort - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 7/1"});
  EXPECT_EQ(sleep_through(kLong - kDefault - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 9/1"});
  EXPECT_EQ(jumps(), 0U);
}

TEST_F(ObserverThresholdTest, IsOfAProcessThatIsAnAgent) {
  EXPECT_FALSE(patient_.set_threshold(7, 1, kShort));
  beats(7);
  EXPECT_FALSE(patient_.set_threshold(7, 2, kShort));
  EXPECT_TRUE(patient_.set_threshold(7, 1, kShort));
}

TEST_F(ObserverThresholdTest, OneThatHasPassedIsReportedByTheNextPoll) {
  beats(7);
  sleep_through(kDefault - 1);
  EXPECT_TRUE(patient_.set_threshold(7, 1, kShort));
  EXPECT_LE(patient_.wake_ns(), now());
  EXPECT_EQ(poll_all(), Words{"stall 7/1"});
}

// --- Unheard ---

TEST_F(ObserverThresholdTest, AnAgentIsUnheardForItsOwnThresholdAfterAnAttempt) {
  patient_.watch(attempts_);
  beats_with(kLong, 7);
  sleep_through(kLong / 2);
  attempts_.attempt(7, 1, now());
  EXPECT_EQ(sleep_through(kLong - 1), Words{});
  EXPECT_GE(patient_.counters().unheard[Unheard::RingFull], 1U);
  EXPECT_EQ(sleep_through(1 + kLong / 4), Words{"stall 7/1"});
}

TEST_F(ObserverThresholdTest, AnAttemptBeforeItsOwnThresholdDoesNotPreventAStall) {
  patient_.watch(attempts_);
  beats_with(kShort, 7);
  sleep_through(kShort / 2);
  attempts_.attempt(7, 1, now());
  EXPECT_EQ(sleep_through(kShort + kShort / 4), Words{"stall 7/1"});
}

// --- The observer did not run ---

TEST_F(ObserverThresholdTest, GraceIsOneOfTheAgentsThresholds) {
  beats(7);
  beats_with(kShort, 8);
  beats_with(kLong, 9);
  EXPECT_EQ(away_for(3600 * kNsPerSecond), Words{});
  EXPECT_EQ(sleep_through(kShort - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 8/1"});
  EXPECT_EQ(sleep_through(kDefault - kShort - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 7/1"});
  EXPECT_EQ(sleep_through(kLong - kDefault - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 9/1"});
  EXPECT_EQ(jumps(), 1U);
}

// Half of the default would not be noticed as a gap.
TEST_F(ObserverThresholdTest, AGapThatIsShortForOthersIsNoticedForAShortThreshold) {
  beats_with(kShort, 8);
  EXPECT_EQ(away_for(2 * kShort), Words{});
  EXPECT_EQ(jumps(), 1U);
  EXPECT_EQ(sleep_through(kShort - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 8/1"});
}

TEST_F(ObserverThresholdTest, SuchAGapDoesNotDelayTheOthers) {
  beats_with(kShort, 8);
  beats(7);
  beats_with(kLong, 9);
  const std::uint64_t began = now();
  away_for(2 * kShort);
  sleep_through(began + kDefault - 1 - now());
  EXPECT_EQ(sleep_through(1), Words{"stall 7/1"});
}

TEST_F(ObserverThresholdTest, NorDoesASuspendThatIsAsShort) {
  beats_with(kShort, 8);
  beats(7);
  const std::uint64_t began = now();
  sleep_through(kDefault / 2);
  clock_.suspend(2 * kShort);
  poll_all();
  EXPECT_EQ(jumps(), 1U);
  sleep_through(began + kDefault - 1 - now());
  EXPECT_EQ(sleep_through(1), Words{"stall 7/1"});
}

TEST_F(ObserverThresholdTest, AfterTheAgentWithTheShortestNoShortGapIsNoticed) {
  beats_with(kShort, 8);
  EXPECT_EQ(sleep_through(kShort), Words{"stall 8/1"});
  EXPECT_TRUE(patient_.set_threshold(8, 1, kDefault));
  beats(7);
  away_for(2 * kShort);
  EXPECT_EQ(jumps(), 0U);
}

TEST_F(ObserverThresholdTest, AThresholdThatComesIntoUseAfterTheGapHasItsGraceToo) {
  beats(7);
  away_for(3600 * kNsPerSecond);
  sleep_through(kDefault / 2);
  EXPECT_TRUE(patient_.set_threshold(7, 1, kLong));
  EXPECT_EQ(sleep_through(kLong - kDefault / 2 - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 7/1"});
}

// Agent 6 sends often enough to show that the machine ran for more than half of the default, but
// not for more than half of the short threshold.
TEST_F(ObserverThresholdTest, SendsDuringTheGapEndTheGraceOfThoseForWhomTheyAreOftenEnough) {
  beats(7);
  beats_with(kShort, 8);
  sends_every(kShort, 10 * kShort, 6);
  EXPECT_EQ(poll_all(), Words{"stall 7/1"});
  EXPECT_EQ(sleep_through(kShort - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 8/1"});
}

// What is still to be read of an earlier gap says nothing about a suspend.
TEST_F(ObserverThresholdTest, SendsDuringAnEarlierGapDoNotEndTheGraceAfterASuspend) {
  beats(7);
  a_.hold_until(now() + 5 * kDefault / 2);
  sends_every(kDefault / 10, 2 * kDefault, 6);
  EXPECT_EQ(sleep_through(kDefault / 4), Words{});
  clock_.suspend(3600 * kNsPerSecond);
  EXPECT_EQ(poll_all(), Words{});
  EXPECT_EQ(sleep_through(kDefault - 1), Words{});
  EXPECT_EQ(sleep_through(1), Words{"stall 7/1"});
  EXPECT_EQ(jumps(), 2U);
}

}  // namespace
}  // namespace hb
