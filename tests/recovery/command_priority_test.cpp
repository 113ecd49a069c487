// The priority of commands, whatever the observer has.
#include "tests/recovery/runner_fixture.hpp"

namespace hb::test {
namespace {

// Runs `work` as an observer that may change its own priority; 42 says that all went well.
template <typename Work>
int in_child(Work work) {
  return WEXITSTATUS(Child::run([&] { ::_exit(work() ? 42 : 72); }).wait());
}

std::string own_oom_score() {
  std::string score;
  std::ifstream("/proc/self/oom_score_adj") >> score;
  return score;
}

bool set_own_oom_score(const std::string& score) {
  std::ofstream("/proc/self/oom_score_adj") << score;
  return own_oom_score() == score;
}

// What the kernel allows the observer once it runs.
bool drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  return ::syscall(SYS_capset, &header, none) == 0;
}

bool set_policy(int policy, int priority) {
  const sched_param parameters{priority};
  return ::sched_setscheduler(0, policy, &parameters) == 0;
}

// Root in a container often lacks it, also where CI runs: then nothing can be lowered by anybody.
constexpr const char* kNeedsSysResource = "needs CAP_SYS_RESOURCE";

bool has_sys_resource() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct own[_LINUX_CAPABILITY_U32S_3]{};
  return ::syscall(SYS_capget, &header, own) == 0 &&
         (own[0].effective >> CAP_SYS_RESOURCE & 1U) != 0;
}

// Allows no lower nice value than that which is had.
bool forbid_lower_nice() {
  const rlimit none{0, 0};
  return ::setrlimit(RLIMIT_NICE, &none) == 0;
}

// Nice value, and policy, which 0 is SCHED_OTHER (fields 19 and 41 of proc_pid_stat(5)).
constexpr const char* kTellScheduling = "cut -d' ' -f19,41 /proc/self/stat";
// Class for I/O; RLIMIT_NICE; timer slack.
constexpr const char* kTellTheRest =
    "ionice | cut -d: -f1; awk '/nice/ { print $4, $5 }' /proc/self/limits;"
    "test $(cat /proc/$$/timerslack_ns) != 0 && echo slack";

class Priority : public Runner {
 protected:
  void SetUp() override { HB_NEEDS_ROOT(); }

  // Of a command of an observer that has changed its own, and then dropped its capabilities.
  bool is_normal_in_spite_of(const std::function<bool()>& change) {
    return in_child([&] {
             if (!forbid_lower_nice()) return false;
             restart({});
             if (!change() || !drop_capabilities()) return false;
             const EndedCommand ended = end_of(std::string(kTellScheduling) + ";" + kTellTheRest);
             runner_.reset();
             const std::string expected = "0 0\nnone\n0 0\nslack\n";
             EXPECT_EQ(ended.output, expected);
             return ended.output == expected;
           }) == 42;
  }

  // The oom_score_adj of a command of an observer that has `own` and is told to give `wanted`.
  bool gives_oom_score(const std::string& own, std::optional<int> wanted,
                       const std::string& expected) {
    return in_child([&] {
             if (!set_own_oom_score(own)) return false;
             restart({.oom_score_adj = wanted, .open_oom_score = open_own_oom_score});
             if (!drop_capabilities() || own_oom_score() != own) return false;
             const EndedCommand ended = end_of("cat /proc/self/oom_score_adj");
             runner_.reset();
             EXPECT_EQ(ended.output, expected + "\n");
             return ended.output == expected + "\n" && own_oom_score() == own;
           }) == 42;
  }
};

TEST_F(Priority, IsNormalThoughTheObserversIsHigher) {
  EXPECT_TRUE(is_normal_in_spite_of([] { return set_policy(SCHED_RR, 10); }));
  EXPECT_TRUE(is_normal_in_spite_of([] { return ::setpriority(PRIO_PROCESS, 0, -20) == 0; }));
}

TEST_F(Priority, IsNormalThoughTheObserverIsABatch) {
  EXPECT_TRUE(is_normal_in_spite_of([] { return set_policy(SCHED_BATCH, 0); }));
}

TEST_F(Priority, IsNormalThoughTheObserversIsLower) {
  if (!has_sys_resource()) GTEST_SKIP() << kNeedsSysResource;
  EXPECT_TRUE(is_normal_in_spite_of([] { return set_policy(SCHED_IDLE, 0); }));
  EXPECT_TRUE(is_normal_in_spite_of([] { return ::setpriority(PRIO_PROCESS, 0, 19) == 0; }));
}

TEST_F(Priority, OfInputAndOutputIsNormal) {
  constexpr int kIdle = 3 << 13;  // IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)
  EXPECT_TRUE(is_normal_in_spite_of([] { return ::syscall(SYS_ioprio_set, 1, 0, kIdle) == 0; }));
}

TEST_F(Priority, DoesNotProtectFromTheOomKillerAsTheObserverIs) {
  if (!has_sys_resource()) GTEST_SKIP() << kNeedsSysResource;
  EXPECT_TRUE(gives_oom_score("-800", std::nullopt, "0"));
  EXPECT_TRUE(gives_oom_score("-1000", std::nullopt, "0"));
}

TEST_F(Priority, LeavesAHigherOomScoreAsItIs) {
  EXPECT_TRUE(gives_oom_score("300", std::nullopt, "300"));
}

TEST_F(Priority, HasTheOomScoreThatIsAskedFor) { EXPECT_TRUE(gives_oom_score("300", 500, "500")); }

TEST_F(Priority, HasTheOomScoreThatIsAskedForThoughItIsLow) {
  if (!has_sys_resource()) GTEST_SKIP() << kNeedsSysResource;
  EXPECT_TRUE(gives_oom_score("-800", 500, "500"));
  EXPECT_TRUE(gives_oom_score("-800", -100, "-100"));
  EXPECT_TRUE(gives_oom_score("0", -500, "-500")) << "below the observer's own";
}

TEST_F(Priority, OfTheOomKillerMustBeAllowed) {
  EXPECT_EQ(in_child([] {
              if (!set_own_oom_score("0") || !drop_capabilities()) return false;
              const auto opened = CommandRunner::open(
                  {.oom_score_adj = -500, .open_oom_score = open_own_oom_score});
              return !opened && opened.error().code == EACCES;
            }),
            42);
}

// The priority is a nicety: without it a command is run all the same, and that is said once.
TEST_F(Priority, ThatCannotBeHadIsToldOnce) {
  EXPECT_EQ(in_child([this] {
              std::vector<std::string> told;
              if (!forbid_lower_nice() || ::setpriority(PRIO_PROCESS, 0, 5) != 0) return false;
              if (!drop_capabilities()) return false;
              restart({.warn = [&](const Error& error) { told.push_back(error.message); }});
              const auto runs_at_5 = [this] { return end_of(kTellScheduling).output == "5 0\n"; };
              const bool runs = runs_at_5() && runs_at_5();
              runner_.reset();
              return runs && told.size() == 1 && told[0].find("priority") != std::string::npos;
            }),
            42);
}

// The observer's loop may run at a raised priority, whose children shall not (SCHED_RESET_ON_FORK).
bool raise_own_priority() {
  struct {  // sched_attr in its first form (sched_setattr(2)), which libraries declare or do not
    std::uint32_t size;
    std::uint32_t policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
  } raised{};
  raised.size = sizeof(raised);
  raised.flags = SCHED_FLAG_RESET_ON_FORK;  // policy 0 is SCHED_OTHER
  raised.nice = -20;
  return ::syscall(SYS_sched_setattr, 0, &raised, 0U) == 0;
}

TEST_F(Runner, RunsACommandAtNormalPriorityThoughItsOwnIsRaised) {
  HB_NEEDS_ROOT();
  Child raised = Child::run([this] {
    if (!raise_own_priority() || ::getpriority(PRIO_PROCESS, 0) != -20) ::_exit(71);
    restart({});
    // nice; policy, which 0 is SCHED_OTHER (fields 19 and 41 of proc_pid_stat(5))
    const EndedCommand ended = end_of("nice; cut -d' ' -f19,41 /proc/self/stat");
    runner_.reset();
    ::_exit(ended.output == "0\n0 0\n" ? 42 : 72);
  });
  EXPECT_EQ(WEXITSTATUS(raised.wait()), 42);
}

}  // namespace
}  // namespace hb::test
