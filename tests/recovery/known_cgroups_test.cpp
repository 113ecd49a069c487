// Which cgroups are remembered when there are more than may be.
#include "recovery/known_cgroups.hpp"

#include <gtest/gtest.h>

namespace hb::test {
namespace {

constexpr std::uint32_t kAttacker = 1000;

ServiceFacts facts_named(const std::string& name) {
  return {.name = name, .unit = name, .user_unit = {}, .cgroup = {}};
}

class KnownCgroupsTest : public ::testing::Test {
 protected:
  // An agent of a new cgroup begins, and the cgroup's name is found.
  void know(std::uint64_t id, KnownCgroups::Uid uid) {
    EXPECT_TRUE(known_.began(id, uid));
    known_.answer(id, facts_named("a.service"));
  }
  bool knows(std::uint64_t id) { return known_.facts(id) != nullptr; }

  KnownCgroups known_{16};
};

TEST_F(KnownCgroupsTest, AreAskedForOnce) {
  EXPECT_TRUE(known_.began(7, 0));
  EXPECT_FALSE(known_.began(7, 0));
  EXPECT_TRUE(known_.is_pending(7));
  EXPECT_TRUE(known_.answer(7, facts_named("a.service")));
  EXPECT_EQ(known_.facts(7)->name, "a.service");
}

TEST_F(KnownCgroupsTest, AreAskedForAgainIfNobodyKnewThem) {
  EXPECT_TRUE(known_.began(7, 0));
  EXPECT_TRUE(known_.answer(7, std::nullopt));
  EXPECT_FALSE(knows(7));
  EXPECT_TRUE(known_.began(7, 0));
}

// A user made a cgroup, beat once in it, and removed it, 4,200 times: then no unit of anybody was
// known any more.
TEST_F(KnownCgroupsTest, OfOneUserReplaceTheirOwn) {
  for (std::uint64_t id = 1; id <= 10; ++id) know(id, 0);
  for (std::uint64_t id = 100; id < 200; ++id) know(id, kAttacker);
  for (std::uint64_t id = 1; id <= 10; ++id) EXPECT_TRUE(knows(id)) << id;
  EXPECT_EQ(known_.size(), 14U);
}

TEST_F(KnownCgroupsTest, OfManyUsersReplaceThoseOfWhoHasMost) {
  for (std::uint64_t id = 1; id <= 6; ++id) know(id, 0);
  for (std::uint32_t uid = 1; uid <= 30; ++uid) know(100 + uid, kAttacker + uid % 2);
  for (std::uint64_t id = 1; id <= 6; ++id) EXPECT_TRUE(knows(id)) << id;
}

TEST_F(KnownCgroupsTest, InWhichNobodyLivesGoFirst) {
  for (std::uint64_t id = 1; id <= 16; ++id) know(id, 0);
  known_.ended(9);
  know(17, 0);
  EXPECT_FALSE(knows(9));
  EXPECT_TRUE(knows(1));
}

TEST_F(KnownCgroupsTest, ThatAreAskedForStay) {
  for (std::uint64_t id = 1; id <= 16; ++id) EXPECT_TRUE(known_.began(id, 0));
  EXPECT_FALSE(known_.began(17, 0)) << "there is no room";
  EXPECT_TRUE(known_.is_pending(1));
}

}  // namespace
}  // namespace hb::test
