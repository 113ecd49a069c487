// The walk, in directories of any file system: what it finds, where it does not go, where it ends.
#include "recovery/cgroup_walk.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/fd.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

using Paths = std::map<std::uint64_t, std::string>;

constexpr std::uint64_t kNobody = 0;  // no directory has this number

class CgroupWalk : public ::testing::Test {
 protected:
  std::uint64_t make(const std::string& name) {
    EXPECT_EQ(::mkdir(directory_.path(name).c_str(), 0755), 0) << name;
    return id_of(name);
  }

  [[nodiscard]] std::uint64_t id_of(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::stat(directory_.path(name).c_str(), &status), 0) << name;
    return status.st_ino;
  }

  Paths walk(std::unordered_set<std::uint64_t> wanted) {
    Paths paths;
    const Fd root(::open(directory_.path("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    outcome_ = walk_cgroups(root, wanted, limits_,
                            [&](std::uint64_t id, std::string_view path) { paths[id] = path; });
    return paths;
  }

  TemporaryDirectory directory_;
  WalkLimits limits_;
  WalkOutcome outcome_;
};

TEST_F(CgroupWalk, FindsDirectories) {
  const auto a = make("a");
  const auto b = make("a/b");
  const auto c = make("a/b/c with a space");
  const auto d = make("d");
  EXPECT_EQ(walk({a, c, d, kNobody}), (Paths{{a, "/a"}, {c, "/a/b/c with a space"}, {d, "/d"}}));
  EXPECT_EQ(walk({b}), (Paths{{b, "/a/b"}}));
  EXPECT_FALSE(outcome_.was_cut_short);
}

TEST_F(CgroupWalk, FindsItsRoot) { EXPECT_EQ(walk({id_of("")}), (Paths{{id_of(""), "/"}})); }

TEST_F(CgroupWalk, FindsNoFiles) {
  const Fd file(::open(directory_.path("file").c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0600));
  EXPECT_EQ(walk({id_of("file")}), Paths());
}

TEST_F(CgroupWalk, EndsWhenAllIsFound) {
  const auto a = make("a");
  for (int i = 0; i < 100; ++i) make("a/" + std::to_string(i));
  walk({a});
  EXPECT_LE(outcome_.directories, 2U);
  walk({a, kNobody});
  EXPECT_EQ(outcome_.directories, 102U);
}

TEST_F(CgroupWalk, DoesNotFollowLinks) {
  const TemporaryDirectory elsewhere;
  ASSERT_EQ(::mkdir(elsewhere.path("there").c_str(), 0755), 0);
  struct stat there {};
  ASSERT_EQ(::stat(elsewhere.path("there").c_str(), &there), 0);
  ASSERT_EQ(::symlink(elsewhere.path("").c_str(), directory_.path("link").c_str()), 0);
  EXPECT_EQ(walk({there.st_ino}), Paths());
}

// A hierarchy that is mounted into itself would give its cgroups names of the mounter's choice.
TEST_F(CgroupWalk, DoesNotEnterMounts) {
  HB_NEEDS_ROOT();
  make("a");
  const auto b = make("a/b");
  make("c");
  const std::string at = directory_.path("c");
  ASSERT_EQ(::mount(directory_.path("a").c_str(), at.c_str(), nullptr, MS_BIND, nullptr), 0);
  make("a/d");
  const auto paths = walk({b, kNobody});
  ::umount2(at.c_str(), MNT_DETACH);
  EXPECT_EQ(paths, (Paths{{b, "/a/b"}}));
  EXPECT_EQ(outcome_.directories, 5U);
}

TEST_F(CgroupWalk, EndsAtItsLimit) {
  for (int i = 0; i < 20; ++i) make(std::to_string(i));
  limits_.directories = 10;
  walk({kNobody});
  EXPECT_EQ(outcome_.directories, 10U);
  EXPECT_TRUE(outcome_.was_cut_short);
}

TEST_F(CgroupWalk, EndsAtItsDepth) {
  make("1");
  const auto at = make("1/2");
  const auto below = make("1/2/3");
  limits_.depth = 2;
  EXPECT_EQ(walk({at, below}), (Paths{{at, "/1/2"}}));
  EXPECT_TRUE(outcome_.was_cut_short);
}

TEST_F(CgroupWalk, EndsAtTheLongestPath) {
  std::string name(200, 'x');
  std::uint64_t last = make(name);
  Fd above(::open(directory_.path(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  for (int i = 0; i < 25; ++i) {  // 5,000 bytes
    ASSERT_EQ(::mkdirat(above.get(), name.c_str(), 0755), 0);
    above = Fd(::openat(above.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ASSERT_EQ(::fstat(above.get(), &status), 0);
  EXPECT_EQ(walk({last, status.st_ino}).size(), 1U);
  EXPECT_TRUE(outcome_.was_cut_short);
}

// A user with thousands of directories does not hide those of others behind them.
TEST_F(CgroupWalk, GivesEachUserAShare) {
  HB_NEEDS_ROOT();
  make("user");
  for (int i = 0; i < 50; ++i) make("user/" + std::to_string(i));
  ASSERT_EQ(::chown(directory_.path("user").c_str(), 65532, 65532), 0);
  make("other");
  make("other/1");
  const auto other = make("other/1/2");
  limits_.directories = 20;
  limits_.of_a_user = 5;
  EXPECT_EQ(walk({other, kNobody}), (Paths{{other, "/other/1/2"}}));
  EXPECT_EQ(outcome_.directories, 10U);
  EXPECT_TRUE(outcome_.was_cut_short);
}

TEST(CgroupRoot, IsOfTheV2HierarchyAlone) {
  const auto root = open_cgroup_root("/tmp");
  ASSERT_FALSE(root);
  EXPECT_EQ(root.error().message, "there is no cgroup v2 hierarchy at /tmp");
}

}  // namespace
}  // namespace hb::test
