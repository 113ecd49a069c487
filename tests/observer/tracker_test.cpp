// Which beats of one process are accepted.
#include <ostream>

#include "tests/observer/tracker_fixture.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kTop = ~std::uint64_t{0};
constexpr std::uint64_t kWindow = std::uint64_t{1} << 20;

// --- Beats of one process ---

TEST_F(TrackerTest, TheFirstBeatInsertsAndTheNextRefresh) {
  EXPECT_EQ(beat(1), "inserted");
  EXPECT_EQ(beat(2), "refreshed");
  EXPECT_EQ(tracker_.size(), 1U);
}

TEST_F(TrackerTest, AnyFirstNonceIsFine) { EXPECT_EQ(beat(123456), "inserted"); }

TEST_F(TrackerTest, AnotherStatusIsAChange) {
  beat(1);
  EXPECT_EQ(beat_with(vlp::Status::Degraded, 2), "changed");
  EXPECT_EQ(beat_with(vlp::Status::Degraded, 3), "refreshed");
  EXPECT_EQ(beat_with(vlp::Status::Ok, 4), "changed");
}

TEST_F(TrackerTest, NoncesMayLeap) {
  beat(1);
  EXPECT_EQ(beat(1'000'000), "refreshed");
}

TEST_F(TrackerTest, TheSameAndLowerNoncesAreOutOfOrder) {
  beat(5);
  EXPECT_EQ(beat(5), "out of order");
  EXPECT_EQ(beat(4), "out of order");
  EXPECT_EQ(beat(0), "out of order");
  EXPECT_EQ(beat(6), "refreshed");
}

TEST_F(TrackerTest, OutOfOrderChangesNeitherStatusNorNonce) {
  beat(5);
  EXPECT_EQ(beat_with(vlp::Status::Critical, 4), "out of order");
  EXPECT_EQ(beat_with(vlp::Status::Ok, 6), "refreshed");
}

TEST_F(TrackerTest, OutOfOrderDoesNotPostponeAStall) {
  beat(5);
  now_ += kThreshold - 1;
  beat(5);
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{7});
}

// --- The nonce wraps ---

struct Wrap {
  std::uint64_t last;
  std::uint64_t next;
  const char* outcome;
};
std::ostream& operator<<(std::ostream& out, const Wrap& wrap) {
  return out << wrap.last << " to " << wrap.next;
}

class NonceWrap : public TrackerTest, public testing::WithParamInterface<Wrap> {};

TEST_P(NonceWrap, IsAcceptedFromTheTopWindowToTheBottomOneOnly) {
  beat(GetParam().last);
  EXPECT_EQ(beat(GetParam().next), GetParam().outcome);
}

INSTANTIATE_TEST_SUITE_P(Edges, NonceWrap,
                         testing::Values(Wrap{kTop - 1, 0, "refreshed"},
                                         Wrap{kTop - 1, kWindow, "refreshed"},
                                         Wrap{kTop - 1, kWindow + 1, "out of order"},
                                         Wrap{kTop - kWindow, 0, "refreshed"},
                                         Wrap{kTop - kWindow, kWindow, "refreshed"},
                                         Wrap{kTop - kWindow - 1, 0, "out of order"},
                                         Wrap{kTop - kWindow - 1, kTop - kWindow, "refreshed"},
                                         Wrap{kTop - kWindow, kTop - kWindow, "out of order"}));

TEST_F(TrackerTest, NoncesGoOnFromTheBottomAfterAWrap) {
  beat(kTop - 1);
  beat(0);
  EXPECT_EQ(beat(0), "out of order");
  EXPECT_EQ(beat(1), "refreshed");
}

// --- The terminal nonce ---

TEST_F(TrackerTest, ATerminalBeatIsABeat) {
  beat(1);
  now_ += kThreshold - 1;
  EXPECT_EQ(last_word(), "changed");
  now_ += kThreshold - 1;
  EXPECT_EQ(stalled(), Pids{});
}

TEST_F(TrackerTest, ATerminalBeatIsNotTheHighWaterMark) {
  beat(5);
  last_word();
  EXPECT_EQ(beat(5), "out of order");
  EXPECT_EQ(beat(6), "changed");  // critical before
}

TEST_F(TrackerTest, ATerminalBeatMayBeSaidAgain) {
  beat(5);
  last_word();
  EXPECT_EQ(last_word(), "refreshed");
}

TEST_F(TrackerTest, AnyRegularNonceFollowsATerminalThatCameFirst) {
  EXPECT_EQ(last_word(), "inserted");
  last_word();
  EXPECT_EQ(beat(0), "changed");
  EXPECT_EQ(beat(0), "out of order");
}

TEST_F(TrackerTest, AStallNamesTheLastNonceAlsoWhenItIsTerminal) {
  beat(5);
  EXPECT_EQ(last_nonce_of_the_stalled(), 5U);
  last_word();
  EXPECT_EQ(last_nonce_of_the_stalled(), kTerminal);
  beat(6);
  EXPECT_EQ(last_nonce_of_the_stalled(), 6U);
}

TEST_F(TrackerTest, ItsAgentsAreLookedAtInSteps) {
  for (std::uint32_t pid = 1; pid <= 3; ++pid) {
    now_ = pid;
    beat(1, {.pid = pid});
  }
  ASSERT_TRUE(die(2));
  ASSERT_TRUE(tracker_.expire(1 + kThreshold));
  std::vector<std::string> seen;
  std::uint32_t next = 0;
  int steps = 0;
  do {
    next = tracker_.for_some_agents(
        next, 1, [&](const Tracker::Stalled& agent, std::uint64_t threshold_ns, bool is_silent) {
          EXPECT_EQ(threshold_ns, kThreshold);
          EXPECT_EQ(agent.threshold_ns, kThreshold);
          seen.push_back(std::to_string(agent.pid) + (is_silent ? " silent" : ""));
        });
    ++steps;
  } while (next != 0);
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(seen, (std::vector<std::string>{"1 silent", "3"}));
}

}  // namespace
}  // namespace hb
