// Cgroups of commands, in a tree of the test's own: when they are made, and when they go.
#include "recovery/command_cgroups.hpp"

#include <sys/xattr.h>

#include "recovery/delegated_cgroup.hpp"
#include "tests/recovery/cgroup_tree.hpp"
#include "tests/recovery/runner_fixture.hpp"

namespace hb::test {
namespace {

class Cgroups : public testing::Test {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    HB_NEEDS(tree_.is_there(), "cgroup v2");
    cgroups_ = CommandCgroups::open(parent_).value();
  }
  void TearDown() override {
    if (tree_.is_there()) cgroups_ = CommandCgroups::open(parent_).value();  // removes what is left
  }

  static bool exists(const std::string& path) { return std::filesystem::exists(path); }
  [[nodiscard]] std::string command(int number) const {
    return parent_ + "/command-" + std::to_string(number);
  }

  // A process in the cgroup of this directory.
  static Child inhabitant(const std::string& path) {
    Child child = Child::run([&] {
      std::ofstream(path + "/cgroup.procs") << 0 << std::flush;
      ::pause();
    });
    EXPECT_TRUE(eventually([&] { return is_inhabited(path); })) << path;
    return child;
  }
  static bool is_inhabited(const std::string& path) {
    std::ifstream processes(path + "/cgroup.procs");
    pid_t pid = 0;
    return static_cast<bool>(processes >> pid);
  }

  bool goes(const std::string& path) {
    return eventually([&] {
      pollfd polled{cgroups_->fd(), POLLIN, 0};
      if (::poll(&polled, 1, 0) > 0) cgroups_->look();
      return !exists(path);
    });
  }

  CgroupTree tree_;
  const std::string parent_ = tree_.mount() + tree_.path();
  std::unique_ptr<CommandCgroups> cgroups_;
};

TEST_F(Cgroups, AreMadeOneForEachCommand) {
  const auto one = cgroups_->make();
  const auto two = cgroups_->make();
  ASSERT_TRUE(one && two);
  EXPECT_TRUE(exists(command(1)));
  EXPECT_TRUE(exists(command(2)));
}

TEST_F(Cgroups, GoAtOnceIfTheyAreEmpty) {
  cgroups_->leave(cgroups_->make().value(), false);
  EXPECT_FALSE(exists(command(1)));
  EXPECT_TRUE(cgroups_->empty());
}

// They stayed for good, and the observer's end waited a second for them.
TEST_F(Cgroups, GoWithTheEmptyOnesThatTheCommandHasMade) {
  auto made = cgroups_->make();
  ASSERT_TRUE(made);
  std::filesystem::create_directories(command(1) + "/a/b");
  std::filesystem::create_directories(command(1) + "/c");
  Child child = inhabitant(command(1) + "/a/b");
  cgroups_->leave(std::move(made).value(), false);
  EXPECT_TRUE(exists(command(1) + "/c")) << "somebody is in a cgroup beside it";
  ::kill(child.pid(), SIGKILL);
  EXPECT_TRUE(goes(command(1)));
}

TEST_F(Cgroups, StayUntilTheLastProcessEnds) {
  auto made = cgroups_->make();
  ASSERT_TRUE(made);
  Child child = inhabitant(command(1));
  cgroups_->leave(std::move(made).value(), false);
  cgroups_->look();
  EXPECT_TRUE(exists(command(1)));
  EXPECT_FALSE(cgroups_->empty());
  ::kill(child.pid(), SIGKILL);
  EXPECT_TRUE(goes(command(1)));
  EXPECT_TRUE(cgroups_->empty());
  pollfd polled{cgroups_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 0), 0) << "nothing is left to be looked at";
}

TEST_F(Cgroups, AreKilledWithAllThatIsInThem) {
  const auto made = cgroups_->make();
  ASSERT_TRUE(made);
  HB_NEEDS(exists(command(1) + "/cgroup.kill"), "cgroup.kill, of Linux 5.14");
  Child child = inhabitant(command(1));
  made.value().kill();
  const int status = child.wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

// Killed processes take a moment to be gone; a daemon stays, and nobody waits for it.
TEST_F(Cgroups, AreRemovedAtTheEndIfTheyAreEmpty) {
  auto killed = cgroups_->make();
  auto left = cgroups_->make();
  ASSERT_TRUE(killed && left);
  Child child = inhabitant(command(1));
  const Child daemon = inhabitant(command(2));
  cgroups_->leave(std::move(killed).value(), true);
  cgroups_->leave(std::move(left).value(), false);
  ::kill(child.pid(), SIGKILL);
  cgroups_.reset();
  EXPECT_FALSE(exists(command(1)));
  EXPECT_TRUE(exists(command(2)));
}

TEST_F(Cgroups, OfBeforeAreRemovedAtTheStartIfTheyAreEmpty) {
  tree_.make("/command-7");
  tree_.make("/command-8");
  tree_.make("/command-other");
  {
    const Child daemon = inhabitant(command(8));
    cgroups_ = CommandCgroups::open(parent_).value();
  }
  EXPECT_FALSE(exists(command(7)));
  EXPECT_TRUE(exists(command(8)));
  EXPECT_TRUE(exists(parent_ + "/command-other"));
}

TEST_F(Cgroups, HaveNamesThatNobodyElseHas) {
  tree_.make("/command-1");
  const auto made = cgroups_->make();
  ASSERT_TRUE(made);
  EXPECT_TRUE(exists(command(2)));
}

TEST_F(Cgroups, SayWhyNoneCanBeMade) {
  tree_.remove_last();
  EXPECT_EQ(cgroups_->make().error().code, ENOENT);
}

// --- Which cgroup is delegated ---

class Delegated : public Cgroups {
 protected:
  // Why the cgroup of a process in the tree's is not delegated; empty: it is.
  std::string why_not() {
    const std::string path = directory_.path("why");
    Child::run([&] {
      std::ofstream(parent_ + "/cgroup.procs") << 0 << std::flush;
      const auto found = find_delegated_cgroup(tree_.path(), tree_.mount());
      std::ofstream(path) << (found ? "" : found.error().message);
      std::ofstream(parent_ + "/../cgroup.procs") << 0 << std::flush;
    }).wait();
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void mark(const std::string& name, const std::string& value) {
    ASSERT_EQ(::setxattr(parent_.c_str(), name.c_str(), value.data(), value.size(), 0), 0);
  }

  TemporaryDirectory directory_;
};

TEST_F(Delegated, ByTheAttributeThatSystemdSets) {
  mark("user.delegate", "1");
  EXPECT_EQ(why_not(), "");
}

TEST_F(Delegated, ByTheAttributeOfOlderVersions) {
  mark("trusted.delegate", "1");
  EXPECT_EQ(why_not(), "");
}

TEST_F(Delegated, NotWithoutIt) {
  EXPECT_NE(why_not().find("is not delegated"), std::string::npos);
  mark("user.delegate", "0");
  EXPECT_NE(why_not().find("is not delegated"), std::string::npos);
  mark("user.delegate", "11");
  EXPECT_NE(why_not().find("is not delegated"), std::string::npos);
}

// As where the host's hierarchy is mounted in a container.
TEST_F(Delegated, NotWhereThisProcessIsNot) {
  mark("user.delegate", "1");
  const auto found = find_delegated_cgroup(tree_.path(), tree_.mount());
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("is not the cgroup of this process"), std::string::npos);
}

TEST_F(Delegated, NotWhereThereIsNoHierarchy) {
  EXPECT_FALSE(find_delegated_cgroup("/x", directory_.path("")));
}

TEST_F(Delegated, BelongsToTheUserWhoMakesThem) {
  constexpr uid_t kUser = 12345;
  ASSERT_TRUE(prepare_cgroup({tree_.path(), parent_}, kUser));
  const int status = Child::run([&] {
                       if (::setresuid(kUser, kUser, kUser) != 0) ::_exit(1);
                       const auto made = cgroups_->make();
                       ::_exit(made ? 0 : 2);
                     }).wait();
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(prepare_cgroup({tree_.path(), parent_ + "/none"}, std::nullopt));
}

// --- Commands in them ---

class RunnerInCgroup : public Runner {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    HB_NEEDS(tree_.is_there(), "cgroup v2");
    restart_with({});
  }

  void restart_with(CommandRunner::Config config) {
    config.cgroup = parent_;
    config.warn = [this](const Error& error) { warnings_.push_back(error.message); };
    restart(config);
  }

  [[nodiscard]] std::string command(int number) const {
    return parent_ + "/command-" + std::to_string(number);
  }
  static bool exists(const std::string& path) { return std::filesystem::exists(path); }

  pid_t daemon() {
    pid_t pid = 0;
    EXPECT_TRUE(eventually([&] { return std::ifstream(path_) >> pid && pid > 0; }));
    return pid;
  }
  bool goes(const std::string& path) {
    return eventually([&] {
      runner_->look(clock_.now_ns());
      return !exists(path);
    });
  }

  CgroupTree tree_;
  const std::string parent_ = tree_.mount() + tree_.path();
  const std::string path_ = directory_.path("daemon");
  // In a session of its own, without the command's output.
  const std::string leave_daemon_ =
      "setsid -f sh -c 'echo $$ > " + path_ + "; exec sleep 1000' >/dev/null 2>&1; ";
  std::vector<std::string> warnings_;
};

TEST_F(RunnerInCgroup, PutsEachCommandIntoOne) {
  const EndedCommand ended = end_of("grep ^0: /proc/self/cgroup");
  EXPECT_EQ(ended.output, "0::" + tree_.path() + "/command-1\n");
  EXPECT_EQ(end_of("grep ^0: /proc/self/cgroup").output, "0::" + tree_.path() + "/command-2\n");
  EXPECT_TRUE(goes(command(1)));
  EXPECT_TRUE(goes(command(2)));
  EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

TEST_F(RunnerInCgroup, KillsAtTheDeadlineWhatIsInNoGroupOfTheCommand) {
  restart_with({.timeout_ns = 100 * kNsPerMs, .term_grace_ns = 200 * kNsPerMs});
  shell("trap '' TERM; " + leave_daemon_ + "while :; do sleep 1; done");
  HB_NEEDS(exists(command(1) + "/cgroup.kill"), "cgroup.kill, of Linux 5.14");
  const pid_t pid = daemon();  // the deadline is kept when it is looked at
  const auto ended = wait();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->why, EndedCommand::Why::Deadline);
  EXPECT_TRUE(eventually([&] { return is_dead(pid); }));
  EXPECT_TRUE(goes(command(1)));
}

TEST_F(RunnerInCgroup, LeavesTheBackgroundOfACommandThatEndedAlone) {
  EXPECT_EQ(end_of(leave_daemon_).exit.code, 0);
  const pid_t pid = daemon();
  runner_->look(clock_.now_ns());
  EXPECT_FALSE(is_dead(pid));
  EXPECT_TRUE(exists(command(1)));
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(goes(command(1)));
}

TEST_F(RunnerInCgroup, LeavesNoneBehindWhenItGoes) {
  shell(leave_daemon_ + "sleep 1000");
  const pid_t pid = daemon();
  HB_NEEDS(exists(command(1) + "/cgroup.kill"), "cgroup.kill, of Linux 5.14");
  runner_.reset();
  EXPECT_TRUE(eventually([&] { return is_dead(pid); }));
  EXPECT_FALSE(exists(command(1)));
}

TEST_F(RunnerInCgroup, RemovesThatOfACommandThatCannotBeExecuted) {
  EXPECT_EQ(start({"/nowhere"}).error().code, ENOENT);
  EXPECT_FALSE(exists(command(1)));
}

TEST_F(RunnerInCgroup, RunsACommandWithoutOneRatherThanNotAtAll) {
  tree_.remove_last();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(end_of("exit 3").exit.code, 3);
  ASSERT_EQ(warnings_.size(), 1U) << "said once";
  EXPECT_NE(warnings_.front().find("commands have no cgroup of their own"), std::string::npos);
}

// As where the file system lets a directory be made, but no process be put into it.
TEST_F(RunnerInCgroup, RunsACommandWhereItCannotBeStartedInOne) {
  TemporaryDirectory other;
  restart({.cgroup = other.path(""),
           .warn = [this](const Error& error) { warnings_.push_back(error.message); }});
  EXPECT_EQ(end_of("exit 3").exit.code, 3);
  EXPECT_EQ(warnings_.size(), 1U);
  EXPECT_FALSE(exists(other.path("command-1")));
}

// --- Whose they are ---

// What a command starts belongs to the observer's service, as without cgroups of commands: it must
// not be a new service each time, whose attempts are counted anew.
TEST(PathOutsideOfCommands, IsTheObserversForWhatACommandStarts) {
  const auto path = [](const char* of) { return path_outside_of_commands(of, "/a/hb.service"); };
  EXPECT_EQ(path("/a/hb.service/command-3"), "/a/hb.service");
  EXPECT_EQ(path("/a/hb.service/command-12/deeper/still"), "/a/hb.service");
  EXPECT_EQ(path_outside_of_commands("/command-3", "/"), "/");
}

TEST(PathOutsideOfCommands, IsItsOwnForEverybodyElse) {
  for (const char* path :
       {"/a/hb.service", "/a/hb.service/command-", "/a/hb.service/command-3x",
        "/a/hb.service/other", "/a/hb.services/command-3", "/a/command-3", "/", ""}) {
    EXPECT_EQ(path_outside_of_commands(path, "/a/hb.service"), path);
  }
}

}  // namespace
}  // namespace hb::test
