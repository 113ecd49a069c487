#include "publish/health.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"
#include "publish/shared_memory.hpp"

namespace hb::test {
namespace {

class HealthOf : public ::testing::Test {
 protected:
  [[nodiscard]] Health judge() const { return judge_health(*board_, limits_, now_ns_); }

  const SharedMemory<Board> board_;
  const HealthLimits limits_{.turn_ns = 5 * kNsPerSecond, .self_beat_ns = 2 * kNsPerSecond};
  const std::uint64_t now_ns_ = 100 * kNsPerSecond;
};

TEST_F(HealthOf, AnObserverThatStartsIsNotGood) {
  const Health health = judge();
  EXPECT_FALSE(health.is_healthy || health.is_ready);
  EXPECT_EQ(health.reasons.size(), 2U);
  EXPECT_FALSE(health.loop_age_ns || health.self_beat_age_ns);
}

TEST_F(HealthOf, AnObserverThatWorksIsGood) {
  board_->turned_ns = now_ns_ - limits_.turn_ns;
  board_->self_beat_ns = now_ns_ - limits_.self_beat_ns;
  const Health health = judge();
  EXPECT_TRUE(health.is_healthy && health.is_ready);
  EXPECT_TRUE(health.reasons.empty());
  EXPECT_EQ(health.loop_age_ns, limits_.turn_ns);
}

TEST_F(HealthOf, ALoopThatDoesNotTurnIsTold) {
  board_->turned_ns = now_ns_ - limits_.turn_ns - 1;
  board_->self_beat_ns = now_ns_;
  const Health health = judge();
  EXPECT_FALSE(health.is_healthy || health.is_ready);
  ASSERT_EQ(health.reasons.size(), 1U);
  EXPECT_NE(health.reasons[0].find("the loop has not turned for 5.0 s"), std::string::npos);
}

TEST_F(HealthOf, AFrameThatDoesNotComeBackIsNotReady) {
  board_->turned_ns = now_ns_;
  board_->self_beat_ns = now_ns_ - limits_.self_beat_ns - 1;
  const Health health = judge();
  EXPECT_TRUE(health.is_healthy);
  EXPECT_FALSE(health.is_ready);
  EXPECT_EQ(health.reasons.size(), 1U);
}

TEST_F(HealthOf, ALostSocketIsNotReadyAtOnce) {
  board_->turned_ns = board_->self_beat_ns = now_ns_;
  board_->is_lost = 1;
  const Health health = judge();
  EXPECT_TRUE(health.is_healthy);
  EXPECT_FALSE(health.is_ready);
  EXPECT_EQ(health.reasons, std::vector<std::string>{"agents cannot reach the socket"});
}

TEST_F(HealthOf, AnInstantThatIsYoungerThanOurClockHasNoAge) {
  board_->turned_ns = board_->self_beat_ns = now_ns_ + 1;
  EXPECT_EQ(judge().loop_age_ns, 0U);
}

}  // namespace
}  // namespace hb::test
