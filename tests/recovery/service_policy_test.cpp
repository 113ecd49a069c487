// Whom a service is for.
#include "recovery/service_policy.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace hb::test {
namespace {

ServiceFacts in_unit(const std::string& unit) {
  return {.name = unit, .unit = unit, .user_unit = {}, .cgroup = "/system.slice/" + unit};
}

ServiceFacts in_unit_of_user(const std::string& unit) {
  const std::string manager = "user@1000.service";
  return {.name = manager + "/" + unit,
          .unit = {},
          .user_unit = unit,
          .cgroup = "/user.slice/user-1000.slice/" + manager + "/app.slice/" + unit};
}

std::string mismatch(const ServiceMatch& match, const ServiceFacts& facts,
                     std::optional<std::uint32_t> uid = 1000, std::string_view comm = "") {
  const char* key = match.mismatch(facts, {uid, Comm(comm)});
  return key != nullptr ? key : "none";
}

TEST(ServiceMatch, HoldsIfAllThatIsGivenHolds) {
  ServiceMatch match;
  match.unit = Glob("a*.service");
  match.uid = 1000;
  EXPECT_EQ(mismatch(match, in_unit("a1.service")), "none");
  EXPECT_EQ(mismatch(match, in_unit("b.service")), "unit");
  EXPECT_EQ(mismatch(match, in_unit("a1.service"), 0), "user");
  EXPECT_EQ(mismatch(match, in_unit("a1.service"), std::nullopt), "user");
}

// A user calls the units of his own manager as he likes: root's command was run for one of them.
TEST(ServiceMatch, TellsAUsersUnitFromTheSystems) {
  ServiceMatch match;
  match.unit = Glob("postgresql@*.service");
  EXPECT_EQ(mismatch(match, in_unit_of_user("postgresql@main.service")), "unit");
  match = {};
  match.user_unit = Glob("postgresql@*.service");
  EXPECT_EQ(mismatch(match, in_unit_of_user("postgresql@main.service")), "none");
  EXPECT_EQ(mismatch(match, in_unit("postgresql@main.service")), "user-unit");
}

TEST(ServiceMatch, HoldsForNobodyWhoseCgroupIsNotKnown) {
  ServiceMatch match;
  match.cgroup = Glob("*");
  EXPECT_EQ(mismatch(match, {.name = "process 7", .unit = {}, .user_unit = {}, .cgroup = {}}),
            "cgroup");
}

TEST(ServiceMatch, TellsProcessesOfAUnitApartByTheirNames) {
  ServiceMatch match;
  match.unit = Glob("a*.service");
  match.comm = Glob("work*");
  EXPECT_EQ(mismatch(match, in_unit("a1.service"), 1000, "worker"), "none");
  EXPECT_EQ(mismatch(match, in_unit("a1.service"), 1000, "master"), "comm");
  EXPECT_EQ(mismatch(match, in_unit("b.service"), 1000, "worker"), "unit");
}

TEST(ServiceMatch, HoldsForNobodyWhoseNameIsNotKnown) {
  ServiceMatch match;
  match.comm = Glob("*");
  EXPECT_EQ(mismatch(match, in_unit("a1.service")), "comm");
  EXPECT_EQ(mismatch(match, in_unit("a1.service"), 1000, "\xff"), "none");
}

TEST(ServiceMatch, TrustsANameThatAnybodyMayHave) {
  ServiceMatch match;
  match.comm = Glob("worker");
  EXPECT_TRUE(match.trusts_comm());
  match.user_unit = Glob("a.service");
  EXPECT_TRUE(match.trusts_comm()) << "so may a user call his units";
  match.uid = 33;
  EXPECT_FALSE(match.trusts_comm());
}

TEST(ServiceMatch, OverlapsUnlessTheNamesDiffer) {
  ServiceMatch worker;
  worker.comm = Glob("worker*");
  ServiceMatch master;
  master.comm = Glob("master");
  EXPECT_FALSE(worker.overlaps(master));
  master.comm = Glob("*-7");
  EXPECT_TRUE(worker.overlaps(master));
  master.comm.reset();
  EXPECT_TRUE(worker.overlaps(master));
}

TEST(ServiceMatch, SaysInWordsWhomItIsFor) {
  ServiceMatch match;
  match.unit = Glob("a.service");
  match.comm = Glob("work*");
  match.uid = 33;
  EXPECT_EQ(whom(match), "unit a.service, comm work*, uid 33");
}

TEST(ServiceMatch, OverlapsWhereOneProcessCouldBeBoth) {
  ServiceMatch unit;
  unit.unit = Glob("a*.service");
  ServiceMatch user;
  user.uid = 33;
  EXPECT_TRUE(unit.overlaps(user)) << "user 33 may run a unit of that name";
  ServiceMatch both = user;
  both.unit = Glob("b*.service");
  EXPECT_FALSE(unit.overlaps(both));
}

}  // namespace
}  // namespace hb::test
