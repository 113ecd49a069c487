// An observer in a delegated cgroup, and what its commands leave behind. Root.
#include <sys/xattr.h>

#include <filesystem>

#include "tests/recovery/cgroup_tree.hpp"
#include "tests/recovery/run_recovery_fixture.hpp"

namespace hb::test {
namespace {

class RunInCgroup : public RunRecovery {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    RunRecovery::SetUp();
    HB_NEEDS(tree_.is_there(), "cgroup v2");
    std::filesystem::permissions(directory_.path("."), std::filesystem::perms(0755));
  }

  void delegate() { ASSERT_EQ(::setxattr(parent_.c_str(), "user.delegate", "1", 1, 0), 0); }

  // With --threshold-ms kShort.
  ObserverProcess observe_there(const std::string& command, Argv more = {}) {
    more.insert(more.end(), {"--recovery-exec", command, "--log-level", "debug"});
    const Inside inside(parent_);
    return observe_with(more, kShort);
  }

  [[nodiscard]] bool exists(const std::string& name) const {
    return std::filesystem::exists(parent_ + "/" + name);
  }
  [[nodiscard]] bool goes(const std::string& name) const {
    return eventually([&] { return !exists(name); });
  }

  // How many there were.
  [[nodiscard]] int kill_all_in(const std::string& name) const {
    std::ifstream processes(parent_ + "/" + name + "/cgroup.procs");
    int killed = 0;
    for (pid_t pid = 0; processes >> pid; ++killed) ::kill(pid, SIGKILL);
    return killed;
  }

  // While it lives, this process is in the cgroup, and so is whom it starts.
  class Inside {
   public:
    explicit Inside(const std::string& parent) : parent_(parent) { enter(parent_); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { enter(parent_ + "/.."); }

   private:
    static void enter(const std::string& directory) {
      std::ofstream(directory + "/cgroup.procs") << 0 << std::flush;
    }
    const std::string parent_;
  };

  CgroupTree tree_;
  const std::string parent_ = tree_.mount() + tree_.path();
  static constexpr const char* kTellCgroup = "grep ^0: /proc/self/cgroup";
  // In a session of its own, forked twice.
  const std::string leave_daemon_ =
      "setsid -f sh -c \"(echo >> " + notes_ + "; exec sleep 1000) &\" >/dev/null 2>&1; ";
};

TEST_F(RunInCgroup, GivesEachCommandACgroup) {
  delegate();
  ObserverProcess observer = observe_there(kTellCgroup);
  observer.expect_logged("each command has a cgroup of its own in ");
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  observer.expect_logged("output: 0::" + tree_.path() + "/command-1");
  end(observer);
  EXPECT_FALSE(exists("command-1"));
}

TEST_F(RunInCgroup, GivesNoneWhereItsCgroupIsNotDelegated) {
  ObserverProcess observer = observe_there(kTellCgroup);
  observer.expect_logged("is not delegated");
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  observer.expect_logged("output: 0::" + tree_.path());
  end(observer);
  EXPECT_EQ(observer.process().errors().find("command-1"), std::string::npos);
}

TEST_F(RunInCgroup, GivesThemAsAnotherUserToo) {
  delegate();
  ObserverProcess observer = observe_there(kTellCgroup, {"--user", "nobody"});
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  observer.expect_logged("output: 0::" + tree_.path() + "/command-1");
  end(observer);
  EXPECT_FALSE(exists("command-1"));
}

// Nothing of it may outlive the deadline: the cgroup is empty afterwards, and removed.
TEST_F(RunInCgroup, KillsAllThatACommandHasStartedAtItsDeadline) {
  delegate();
  ObserverProcess observer =
      observe_there("sh -c '" + leave_daemon_ + "sleep 1000'", {"--recovery-timeout-ms", "3000"});
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  ASSERT_TRUE(eventually([&] { return exists("command-1"); }));
  HB_NEEDS(exists("command-1/cgroup.kill") || !exists("command-1"), "cgroup.kill, of Linux 5.14");
  next(observer, "stall");
  observer.expect_logged("killed_timeout");
  EXPECT_TRUE(goes("command-1"));
  end(observer);
}

TEST_F(RunInCgroup, LeavesADaemonAloneUntilItEnds) {
  delegate();
  ObserverProcess observer = observe_there("sh -c '" + leave_daemon_ + "'");
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  observer.expect_logged("completed_zero");
  ASSERT_TRUE(noted());
  EXPECT_GT(kill_all_in("command-1"), 0);
  EXPECT_TRUE(eventually([&] { return kill_all_in("command-1") == 0 && !exists("command-1"); }));
  end(observer);
}

}  // namespace
}  // namespace hb::test
