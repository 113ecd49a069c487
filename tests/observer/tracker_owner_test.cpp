// One uid with many processes took every slot of the tracker. An owner may have only so many
// agents.
#include "tests/observer/tracker_fixture.hpp"

namespace hb {
namespace {

constexpr std::uint32_t kUser = 1000;
constexpr std::uint32_t kOther = 1001;

class TrackerOwnerTest : public TrackerTest {
 protected:
  std::string beat_as(std::uint32_t owner, std::uint32_t pid, std::uint64_t generation_ns = 50) {
    return words(fair_.record(
        {.pid = pid, .generation_ns = generation_ns, .nonce = 1, .owner = owner}, now_));
  }

  Tracker fair_{8, kThreshold, /*seed=*/1, Eviction::Strict, /*agents_per_owner=*/2};
};

TEST_F(TrackerOwnerTest, HasOnlySoManyAgents) {
  EXPECT_EQ(beat_as(kUser, 10), "inserted");
  EXPECT_EQ(beat_as(kUser, 11), "inserted");
  EXPECT_EQ(beat_as(kUser, 12), "owner full");
}

TEST_F(TrackerOwnerTest, TakesNothingFromOthers) {
  for (std::uint32_t pid = 10; pid < 100; ++pid) beat_as(kUser, pid);
  EXPECT_EQ(beat_as(kOther, 100), "inserted");
}

TEST_F(TrackerOwnerTest, WithoutAnOwnerThereIsNoLimit) {
  for (std::uint32_t pid = 10; pid < 18; ++pid) EXPECT_EQ(beat_as(kNoOwner, pid), "inserted");
}

TEST_F(TrackerOwnerTest, GetsRoomBackWhenAnAgentDies) {
  beat_as(kUser, 10);
  beat_as(kUser, 11);
  fair_.record_exit(10, 50);
  EXPECT_EQ(beat_as(kUser, 12), "inserted");
  EXPECT_EQ(beat_as(kUser, 13), "owner full");
}

// A silent agent is alive: an owner who stops his processes does not get room for more.
TEST_F(TrackerOwnerTest, SilentAgentsStillCount) {
  beat_as(kUser, 10);
  beat_as(kUser, 11);
  now_ += kThreshold;
  while (fair_.expire(now_)) {
  }
  EXPECT_EQ(beat_as(kUser, 12), "owner full");
}

TEST_F(TrackerOwnerTest, MayRestartWhatItHas) {
  beat_as(kUser, 10);
  beat_as(kUser, 11);
  EXPECT_EQ(beat_as(kUser, 11, 60), "restarted");
  EXPECT_EQ(beat_as(kUser, 12), "owner full");
}

TEST_F(TrackerOwnerTest, TakingOverPidsOfOthersCounts) {
  beat_as(kUser, 10);
  beat_as(kUser, 11);
  beat_as(kOther, 12);
  EXPECT_EQ(beat_as(kUser, 12, 60), "owner full");
  fair_.record_exit(12, 50);
  EXPECT_EQ(beat_as(kUser, 12, 60), "owner full");
}

TEST_F(TrackerOwnerTest, AnAgentThatComesBackUnderAnotherPidCountsOnce) {
  for (std::uint32_t pid = 10; pid < 10'000; ++pid) {
    EXPECT_EQ(beat_as(kUser, pid), "inserted");
    fair_.record_exit(pid, 50);
  }
}

TEST_F(TrackerOwnerTest, IsNotBoundUnlessAskedFor) {
  for (std::uint32_t pid = 10; pid < 14; ++pid) {
    EXPECT_EQ(beat(1, {.pid = pid, .owner = kUser}), "inserted");
  }
}

}  // namespace
}  // namespace hb
