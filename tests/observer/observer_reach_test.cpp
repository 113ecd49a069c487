// The observer took its own unreachability for the agents' silence: its socket's name was removed,
// and agents that send by path were called silent and killed.
#include "tests/observer/fake_exit_watch.hpp"
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

class FakeReach final : public Reach {
 public:
  bool is_reachable(std::uint64_t /*now_ns*/) override {
    ++asked;
    return !lost;
  }
  [[nodiscard]] bool is_lost() const override { return lost; }

  bool lost = false;
  int asked = 0;
};

class ReachTest : public ObserverTest {
 protected:
  ReachTest() {
    observer_.watch(reach_);
    observer_.watch(exits_);
    a_.deliver(beat(7, 1));
    poll_all();
  }

  Words for_the_next(std::uint64_t ns) {
    Words said;
    for (; ns > 0; --ns) {
      advance(1);
      for (auto& event : poll_all()) said.push_back(event);
    }
    return said;
  }

  void can_be_reached_again(std::uint64_t since_ns) {
    reach_.lost = false;
    observer_.was_unreachable(since_ns, now());
  }

  FakeReach reach_;
  FakeExitWatch exits_;
};

TEST_F(ReachTest, IsAskedOnlyBeforeAnAgentIsCalledSilent) {
  EXPECT_EQ(for_the_next(kThreshold - 1), Words{});
  EXPECT_EQ(reach_.asked, 0);
  EXPECT_EQ(for_the_next(1), Words{"stall 7/1"});
  EXPECT_EQ(reach_.asked, 1);
}

TEST_F(ReachTest, NobodyIsSilentWhoCannotReachTheObserver) {
  reach_.lost = true;
  EXPECT_EQ(for_the_next(10 * kThreshold), Words{});
  EXPECT_GT(observer_.counters().unheard[Unheard::Unreachable], 1U);
}

TEST_F(ReachTest, EveryAgentHasOneMoreThresholdAfterwards) {
  reach_.lost = true;
  for_the_next(kThreshold);
  can_be_reached_again(now() - kThreshold);
  EXPECT_EQ(for_the_next(kThreshold - 1), Words{});
  EXPECT_EQ(for_the_next(1), Words{"stall 7/1"});
}

TEST_F(ReachTest, AnAgentThatBeatsAgainIsWell) {
  reach_.lost = true;
  for_the_next(3 * kThreshold);
  can_be_reached_again(now() - 3 * kThreshold);
  for_the_next(kThreshold / 2);
  a_.deliver(beat(7, 2));
  EXPECT_EQ(for_the_next(kThreshold - 1), Words{"beat 7/2"});
}

// However short it was: an agent may have tried just then.
TEST_F(ReachTest, AShortTimeCountsAsWell) {
  for_the_next(kThreshold - 2);
  can_be_reached_again(now() - 1);
  EXPECT_EQ(for_the_next(kThreshold - 1), Words{});
  EXPECT_EQ(for_the_next(1), Words{"stall 7/1"});
}

// A series of such times has no end as long as the observer cannot be reached in most of it.
TEST_F(ReachTest, TimeInWhichNobodyReachedItIsNoTimeInWhichItRan) {
  for (int i = 0; i < 5; ++i) {
    reach_.lost = true;
    EXPECT_EQ(for_the_next(2 * kThreshold), Words{}) << i;
    can_be_reached_again(now() - 2 * kThreshold);
    EXPECT_EQ(for_the_next(kThreshold / 8), Words{}) << i;
  }
}

// The time that the observer had run was counted back too far, and became huge: no grace was given,
// and an honest agent was killed.
TEST_F(ReachTest, TwoTimesInARowAreFollowedByAThresholdToo) {
  observer_.note_reached();
  for_the_next(1);
  can_be_reached_again(now() - 1);
  reach_.lost = true;
  for_the_next(2 * kThreshold);
  can_be_reached_again(now() - 2 * kThreshold);
  EXPECT_EQ(for_the_next(kThreshold - 1), Words{});
  EXPECT_EQ(for_the_next(1), Words{"stall 7/1"});
}

TEST_F(ReachTest, AfterTheObserverDidNotRunIsFollowedByAThresholdToo) {
  for_the_next(kThreshold / 2);
  observer_.note_reached();
  constexpr std::uint64_t kGap = 2 * Grace::kLeastGap_ns;
  advance(kGap);  // stopped, and nobody could reach it when it ran again
  EXPECT_EQ(poll_all(), Words{});
  reach_.lost = true;
  for_the_next(2 * kThreshold);
  can_be_reached_again(now() - 2 * kThreshold - kGap);
  EXPECT_EQ(for_the_next(kThreshold - 1), Words{});
  EXPECT_EQ(for_the_next(1 + kThreshold / 4), Words{"stall 7/1"});
}

TEST_F(ReachTest, ExitsAreReportedAllTheSame) {
  reach_.lost = true;
  exits_.end({.pid = 7, .generation_ns = 1, .at_ns = now(), .status = {}, .comm = {}});
  EXPECT_EQ(for_the_next(2), Words{"exit 7/1"});
}

}  // namespace
}  // namespace hb
