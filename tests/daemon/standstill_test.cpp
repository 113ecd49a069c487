// Standstill, look by look, without threads and clocks.
#include "daemon/standstill.hpp"

#include <gtest/gtest.h>

namespace hb::test {
namespace {

using daemon::Progress;
using daemon::Standstill;
using daemon::Step;
using Verdict = daemon::Standstill::Verdict;

class StandstillTest : public ::testing::Test {
 protected:
  Verdict look(bool told_to_end = false) {
    waited_ms_ += standstill_.next_look_ms();
    return standstill_.judge(progress_.word(), told_to_end);
  }

  // Looks until there is a verdict, or too long; how long the looker slept meanwhile.
  std::uint64_t ms_until(Verdict wanted, bool told_to_end = false) {
    waited_ms_ = 0;
    while (look(told_to_end) != wanted && waited_ms_ < kTooLong_ms) {
    }
    return waited_ms_;
  }

  bool stays_fine(bool told_to_end = false) {
    waited_ms_ = 0;
    while (waited_ms_ < kTooLong_ms) {
      if (look(told_to_end) != Verdict::Fine) return false;
    }
    return true;
  }

  static constexpr std::uint64_t kTooLong_ms = 100'000;
  static constexpr std::uint64_t kLimit_ms = 1'000;
  static constexpr std::uint64_t kCalm_ms = 500;
  static constexpr std::uint64_t kCommands_ms = 5'000;

  Progress progress_;
  Standstill standstill_{{.limit_ms = kLimit_ms, .calm_ms = kCalm_ms, .commands_ms = kCommands_ms}};
  std::uint64_t waited_ms_ = 0;
};

TEST_F(StandstillTest, DoesNotInterruptALoopThatSleeps) {
  progress_.begin(Step::Sleeping);
  EXPECT_TRUE(stays_fine());
}

TEST_F(StandstillTest, DoesNotInterruptALoopThatMoves) {
  for (int i = 0; i < 10'000; ++i) {
    progress_.begin(Step::Receiving);
    ASSERT_EQ(look(), Verdict::Fine);
  }
}

TEST_F(StandstillTest, LooksSeldomAtALoopThatSleeps) {
  for (int i = 0; i < 10; ++i) {
    progress_.begin(Step::Sleeping);
    look();
    EXPECT_EQ(standstill_.next_look_ms(), kCalm_ms);
  }
}

TEST_F(StandstillTest, InterruptsAStepThatIsSeenTwice) {
  progress_.begin(Step::Receiving);
  EXPECT_EQ(look(), Verdict::Fine);
  EXPECT_EQ(standstill_.next_look_ms(), Standstill::kAlert_ms);
  EXPECT_EQ(look(), Verdict::Interrupt);
  EXPECT_EQ(look(), Verdict::Interrupt) << "until it goes on";
  progress_.begin(Step::Receiving);
  EXPECT_EQ(look(), Verdict::Fine);
}

// A loop that was stuck may be stuck again: it is then found within two short looks.
TEST_F(StandstillTest, LooksOftenForAWhileAfterAnInterruption) {
  progress_.begin(Step::Receiving);
  ms_until(Verdict::Interrupt);
  for (unsigned i = 0; i < Standstill::kAlertLooks; ++i) {
    progress_.begin(Step::Sleeping);
    look();
    ASSERT_EQ(standstill_.next_look_ms(), Standstill::kAlert_ms);
  }
  look();
  EXPECT_EQ(standstill_.next_look_ms(), kCalm_ms);
}

TEST_F(StandstillTest, EndsALoopThatIsStuckForTheLimit) {
  progress_.begin(Step::Receiving);
  look();
  EXPECT_EQ(ms_until(Verdict::EndStuck), kLimit_ms);
  EXPECT_EQ(standstill_.stands_ms(), kLimit_ms);
}

TEST_F(StandstillTest, DoesNotEndALoopThatIsStuckForLess) {
  for (int i = 0; i < 10; ++i) {
    progress_.begin(Step::Receiving);
    look();
    while (standstill_.stands_ms() + standstill_.next_look_ms() < kLimit_ms) {
      ASSERT_EQ(look(), Verdict::Interrupt);
    }
  }
}

TEST_F(StandstillTest, WaitsForCommandsAtTheEnd) {
  progress_.begin(Step::AwaitingCommands);
  look();
  const std::uint64_t ended_ms = ms_until(Verdict::EndStuck);
  EXPECT_EQ(ended_ms, kLimit_ms + kCommands_ms);
}

TEST_F(StandstillTest, NeverInterruptsTheWaitForCommands) {
  progress_.begin(Step::AwaitingCommands);
  look();
  while (waited_ms_ < kLimit_ms + kCommands_ms) ASSERT_NE(look(), Verdict::Interrupt);
}

TEST_F(StandstillTest, EndsALoopThatHangsWhileItEnds) {
  progress_.begin(Step::Ending);
  look();
  EXPECT_EQ(ms_until(Verdict::EndStuck), kLimit_ms);
}

TEST_F(StandstillTest, EndsAStuckLoopThatDoesNotHandleASignal) {
  Standstill patient({.limit_ms = kTooLong_ms});
  progress_.begin(Step::Receiving);
  std::uint64_t heard_ms = 0;
  while (patient.judge(progress_.word(), true) != Verdict::EndUnresponsive &&
         heard_ms < kTooLong_ms) {
    heard_ms += patient.next_look_ms();
  }
  EXPECT_EQ(heard_ms, Standstill::kHearing_ms);
}

// A signal ends ppoll(2); if it does not, the loop is stuck there.
TEST_F(StandstillTest, EndsALoopThatSleepsThroughASignal) {
  progress_.begin(Step::Sleeping);
  look();
  EXPECT_LE(ms_until(Verdict::EndUnresponsive, true), Standstill::kHearing_ms + 2 * kCalm_ms);
}

TEST_F(StandstillTest, DoesNotEndAMovingLoopWithAPendingSignal) {
  for (int i = 0; i < 10'000; ++i) {
    progress_.begin(Step::Receiving);
    ASSERT_EQ(look(true), Verdict::Fine);
  }
}

// A pending signal counts from when it came.
TEST_F(StandstillTest, TimeBeforeTheSignalDoesNotCount) {
  progress_.begin(Step::Sleeping);
  EXPECT_TRUE(stays_fine());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(look(true), Verdict::Fine);
}

TEST_F(StandstillTest, IgnoresFurtherSignalsAtTheEnd) {
  progress_.begin(Step::AwaitingCommands);
  look(true);
  EXPECT_EQ(ms_until(Verdict::EndStuck, true), kLimit_ms + kCommands_ms);
}

}  // namespace
}  // namespace hb::test
