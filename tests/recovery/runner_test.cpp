// Commands that behave, and commands that do not.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "base/units.hpp"
#include "observer/clock.hpp"
#include "observer/source.hpp"
#include "procfs/oom_score.hpp"
#include "recovery/command_runner.hpp"
#include "tests/recovery/stalls.hpp"
#include "tests/support/child.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

using std::chrono::milliseconds;
using Words = std::vector<std::string>;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0; }

// Dead and reaped, or a zombie that whoever inherited it has not reaped yet.
bool is_dead(pid_t pid) {
  if (!is_alive(pid)) return true;
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string all;
  std::getline(stat, all);
  const auto end = all.rfind(')');
  return end != std::string::npos && all.substr(end + 2, 1) == "Z";
}

class Runner : public testing::Test {
 protected:
  Runner() { restart({}); }
  ~Runner() override {
    runner_.reset();
    EXPECT_EQ(open_descriptors(), descriptors_) << "a descriptor has leaked";
    EXPECT_FALSE(has_children()) << "a child was not reaped";
  }

  void restart(const CommandRunner::Config& config) {
    runner_ = CommandRunner::open(config).value();
  }

  Result<pid_t> start(const Words& argv, std::uint32_t agent = 7) {
    return runner_->start(argv, {"PATH=/usr/bin:/bin", "A=b"}, stall_of(agent), clock_.now_ns());
  }
  pid_t shell(const std::string& script, std::uint32_t agent = 7) {
    const auto started = start({"/bin/sh", "-c", script}, agent);
    EXPECT_TRUE(started) << started.error().message;
    return started ? started.value() : -1;
  }

  // As the loop does it.
  std::optional<EndedCommand> wait(milliseconds patience = kPatience) {
    const std::uint64_t until =
        clock_.now_ns() + static_cast<std::uint64_t>(patience.count()) * kNsPerMs;
    for (;;) {
      const std::uint64_t now = clock_.now_ns();
      runner_->look(now);
      if (auto ended = runner_->take()) return ended;
      if (now >= until) return std::nullopt;
      const std::uint64_t wake = std::min(std::max(runner_->wake_ns(), now), until);
      pollfd polled{runner_->fd(), POLLIN, 0};
      ::poll(&polled, 1, static_cast<int>((wake - now) / kNsPerMs) + 1);
    }
  }
  EndedCommand end_of(const std::string& script) {
    shell(script);
    auto ended = wait();
    EXPECT_TRUE(ended) << script;
    return ended.value_or(EndedCommand{});
  }

  const std::size_t descriptors_ = open_descriptors();
  MonotonicClock clock_;
  std::unique_ptr<CommandRunner> runner_;
  TemporaryDirectory directory_;
};

// --- How commands end ---

TEST_F(Runner, TellsHowACommandEnded) {
  EXPECT_EQ(end_of("exit 0").exit.code, 0);
  EXPECT_EQ(end_of("exit 3").exit.code, 3);
  const EndedCommand killed = end_of("kill -USR1 $$");
  EXPECT_EQ(killed.exit.signal, SIGUSR1);
  EXPECT_FALSE(killed.exit.code);
  EXPECT_EQ(killed.why, EndedCommand::Why::ByItself);
}

TEST_F(Runner, TellsForWhomItWas) {
  const pid_t pid = shell("exit 0", 42);
  EXPECT_TRUE(runner_->is_running_for({42, 5}));
  EXPECT_FALSE(runner_->is_running_for({42, 6}));
  const auto ended = wait();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->stall.pid, 42U);
  EXPECT_EQ(ended->pid, pid);
  EXPECT_FALSE(runner_->is_running_for({42, 5}));
}

TEST_F(Runner, DoesNotWaitForACommand) {
  const std::uint64_t before = clock_.now_ns();
  shell("sleep 30");
  runner_->look(clock_.now_ns());
  EXPECT_FALSE(runner_->take());
  EXPECT_LT(clock_.now_ns() - before, 10'000 * kNsPerMs);
}

TEST_F(Runner, SaysWhyACommandCannotBeExecuted) {
  const std::string script = directory_.path("script");
  std::ofstream(script) << "no interpreter is named here\n";
  const auto code = [&] { return start({script}).error().code; };
  ::chmod(script.c_str(), 0644);
  EXPECT_EQ(code(), EACCES);
  ::chmod(script.c_str(), 0755);
  EXPECT_EQ(code(), ENOEXEC) << "and no shell is asked instead";
  std::filesystem::remove(script);
  EXPECT_EQ(code(), ENOENT);
  EXPECT_EQ(start({"/etc"}).error().code, EACCES);
  EXPECT_NE(start({script}).error().message.find(script), std::string::npos);
  EXPECT_EQ(runner_->running(), 0U);
}

// --- What priority they have ---

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

// --- What they are given ---

TEST_F(Runner, GivesACommandNothingOfItsOwn) {
  const Fd leak(::dup(2));  // not close-on-exec
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  const mode_t mask = ::umask(0);
  const EndedCommand ended = end_of(
      "pwd; umask; cat; for f in /proc/$$/fd/*; do test -e $f && printf '%s ' ${f##*/}; done; "
      "echo; grep -E 'Sig(Blk|Ign)' /proc/self/status;"
      "env | grep -vE '^(PWD|OLDPWD|SHLVL|_)=' | sort;"
      "test $(ps -o sid= -p $$) = $$ && echo leads");
  EXPECT_EQ(::umask(mask), 0U) << "put back";
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(ended.output,
            "/\n0022\n0 1 2 \nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
            "A=b\nPATH=/usr/bin:/bin\nleads\n");
}

TEST_F(Runner, DoesNotMindThatItsChildrenWereIgnored) {
  ::signal(SIGCHLD, SIG_IGN);
  restart({});
  EXPECT_EQ(end_of("exit 3").exit.code, 3);
}

// --- What they write ---

TEST_F(Runner, KeepsTheBeginningOfTheOutput) {
  restart({.output_bytes = 8});
  const EndedCommand ended = end_of("echo 12345; echo 67890 >&2; echo x");
  EXPECT_EQ(ended.output, "12345\n67");
  EXPECT_EQ(ended.discarded_bytes, 6U);
}

TEST_F(Runner, LetsACommandWriteMoreThanAnybodyReads) {
  const EndedCommand ended = end_of("head -c 10485760 /dev/zero; echo done >&2; exit 4");
  EXPECT_EQ(ended.exit.code, 4);
  EXPECT_EQ(ended.output.size(), 4096U);
  EXPECT_EQ(ended.output.size() + ended.discarded_bytes, 10485760U + 5);
}

TEST_F(Runner, KeepsNothingIfTold) {
  restart({.output_bytes = 0});
  const EndedCommand ended = end_of("echo 123");
  EXPECT_EQ(ended.output, "");
  EXPECT_EQ(ended.discarded_bytes, 4U);
}

TEST_F(Runner, NoticesTheEndOfOneThatClosedItsOutput) {
  EXPECT_EQ(end_of("exec >&- 2>&-; sleep 0.1; exit 5").exit.code, 5);
}

// --- What their background writes ---

class Background : public Runner {
 protected:
  // Ends at once, and leaves somebody behind who waits for `go` and then does `work`, with the
  // command's output as its own.
  void leave_behind(const std::string& work) {
    const EndedCommand ended = end_of("(" + waiting() + "; " + work + ") & echo started");
    EXPECT_EQ(ended.exit.code, 0);
    EXPECT_EQ(ended.output, "started\n");
  }
  void go() const { std::ofstream file(go_); }
  // Not longer than the test.
  std::string waiting() const {
    return "while test -d " + directory_.path("") + " && ! test -e " + go_ +
           "; do sleep 0.01; done";
  }

  // As the loop does it, until the condition is met.
  template <typename Condition>
  bool looking(Condition condition) {
    return eventually([&] {
      runner_->look(clock_.now_ns());
      return condition();
    });
  }
  bool done() const { return std::filesystem::exists(done_); }

  const std::string go_ = directory_.path("go");
  const std::string done_ = directory_.path("done");
};

TEST_F(Background, CanWriteWhenTheCommandHasEnded) {
  leave_behind("echo x && head -c 1048576 /dev/zero && touch " + done_);
  EXPECT_EQ(runner_->leftovers(), 1U);
  EXPECT_EQ(runner_->running(), 0U);
  go();
  EXPECT_TRUE(looking([&] { return done(); })) << "no SIGPIPE, and nobody waits for us";
  EXPECT_TRUE(looking([&] { return runner_->leftovers() == 0; })) << "its output has ended";
  EXPECT_EQ(runner_->wake_ns(), Source::kNever);
}

TEST_F(Background, OfACommandThatWasEndedCanWriteAsWell) {
  constexpr std::uint64_t kTimeout_ns = 600'000 * kNsPerMs;
  restart({.timeout_ns = kTimeout_ns});
  const std::string begun = directory_.path("begun");
  shell("setsid sh -c 'touch " + begun + "; " + waiting() + "; echo x && touch " + done_ +
        "' & exec sleep 60");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(begun); }));
  runner_->look(clock_.now_ns() + kTimeout_ns);
  const auto ended = wait();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->why, EndedCommand::Why::Deadline);
  go();
  EXPECT_TRUE(looking([&] { return done(); }));
  EXPECT_TRUE(looking([&] { return runner_->leftovers() == 0; }));
}

TEST_F(Background, ThatIsSilentLetsUsSleep) {
  leave_behind("true");
  runner_->look(clock_.now_ns());
  EXPECT_TRUE(looking([&] { return runner_->wake_ns() == Source::kNever; }));
  pollfd polled{runner_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 0), 0);
  go();
  EXPECT_GT(::poll(&polled, 1, -1), 0) << "woken by its end";
  EXPECT_TRUE(looking([&] { return runner_->leftovers() == 0; }));
}

// So it costs some turns of the loop a second, however much it writes.
TEST_F(Background, ThatWritesWithoutEndLetsUsSleep) {
  leave_behind("exec yes");
  go();
  EXPECT_TRUE(looking([&] { return runner_->wake_ns() != Source::kNever; }));
  const std::uint64_t wake_ns = runner_->wake_ns();
  pollfd polled{runner_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 50), 0) << "whatever waits in the pipe";
  runner_->look(wake_ns - 1);
  EXPECT_EQ(runner_->wake_ns(), wake_ns) << "not before its time";
  EXPECT_TRUE(looking([&] { return runner_->wake_ns() > wake_ns + 1; })) << "but then it is read";
}

TEST_F(Background, DoesNotTakeTheRoomOfCommands) {
  restart({.max_running = 1});
  leave_behind("true");
  EXPECT_TRUE(runner_->has_room());
  EXPECT_EQ(end_of("exit 3").exit.code, 3);
  go();
}

TEST_F(Background, BeyondTheLimitIsLeftToItself) {
  std::vector<std::string> told;
  restart({.max_leftovers = 2, .warn = [&](const Error& error) { told.push_back(error.message); }});
  for (int i = 0; i < 2; ++i) leave_behind("true");
  EXPECT_EQ(told.size(), 0U);
  leave_behind("true");
  EXPECT_EQ(runner_->leftovers(), 2U);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("more than 2 ended commands"), std::string::npos) << told[0];
  go();
  EXPECT_TRUE(looking([&] { return runner_->leftovers() == 0; }));
}

// --- Deadlines ---

class Deadline : public Runner {
 protected:
  Deadline() { restart({.timeout_ns = 100 * kNsPerMs, .term_grace_ns = 200 * kNsPerMs}); }

  // The pid of a grandchild that a script wrote.
  pid_t grandchild() {
    pid_t pid = 0;
    eventually([&] { return std::ifstream(path_) >> pid && pid > 0; });
    return pid;
  }
  const std::string path_ = directory_.path("grandchild");
};

TEST_F(Deadline, EndsACommandThatOutlivesIt) {
  const EndedCommand ended = end_of("sleep 30");
  EXPECT_EQ(ended.why, EndedCommand::Why::Deadline);
  EXPECT_EQ(ended.exit.signal, SIGTERM);
}

TEST_F(Deadline, LetsACommandEndItsWay) {
  const EndedCommand ended = end_of("trap 'echo bye; exit 9' TERM; sleep 30 & wait");
  EXPECT_EQ(ended.why, EndedCommand::Why::Deadline);
  EXPECT_EQ(ended.exit.code, 9);
  EXPECT_EQ(ended.output, "bye\n");
}

TEST_F(Deadline, KillsACommandThatIgnoresIt) {
  const EndedCommand ended = end_of("trap '' TERM; while :; do sleep 1; done");
  EXPECT_EQ(ended.why, EndedCommand::Why::Deadline);
  EXPECT_EQ(ended.exit.signal, SIGKILL);
}

TEST_F(Deadline, KillsOneThatIsStopped) { EXPECT_EQ(end_of("kill -STOP $$").exit.signal, SIGKILL); }

TEST_F(Deadline, TakesTheWholeGroupAlong) {
  shell("(trap '' TERM; sleep 30 & echo $! > " + path_ + "; wait) & wait");
  const pid_t pid = grandchild();  // however long it takes: a deadline is kept when it is looked at
  ASSERT_GT(pid, 0);
  ASSERT_TRUE(wait());
  EXPECT_TRUE(eventually([&] { return is_dead(pid); }));
}

TEST_F(Deadline, DoesNotEndACommandThatKeepsIt) {
  restart({.timeout_ns = 60'000 * kNsPerMs});
  const EndedCommand ended = end_of("sleep 0.3");
  EXPECT_EQ(ended.why, EndedCommand::Why::ByItself);
  EXPECT_EQ(ended.exit.code, 0);
}

// A command may start what shall stay: it is not held up by it, nor is that killed.
TEST_F(Deadline, LeavesTheBackgroundOfACommandThatEndedAlone) {
  restart({.timeout_ns = 60'000 * kNsPerMs});
  const EndedCommand ended = end_of("sleep 30 & echo $! > " + path_);
  EXPECT_EQ(ended.exit.code, 0);
  const pid_t pid = grandchild();
  ASSERT_GT(pid, 0);
  EXPECT_FALSE(is_dead(pid));
  ::kill(pid, SIGKILL);
}

// --- Many ---

TEST_F(Runner, RunsOnlySoManyAtOnce) {
  restart({.max_running = 4});
  for (std::uint32_t agent = 1; agent <= 4; ++agent) {
    ASSERT_TRUE(runner_->has_room());
    shell("sleep 0.2", agent);
  }
  EXPECT_FALSE(runner_->has_room());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(wait().value_or(EndedCommand{}).exit.code, 0);
  EXPECT_TRUE(runner_->has_room());
}

TEST_F(Runner, KillsAllWithTheirGroups) {
  const std::string path = directory_.path("grandchild");
  shell("sleep 30 & echo $! > " + path + "; wait");
  shell("trap '' TERM; sleep 30");
  pid_t pid = 0;
  ASSERT_TRUE(eventually([&] { return std::ifstream(path) >> pid && pid > 0; }));
  runner_->kill_all();
  for (int i = 0; i < 2; ++i) {
    const auto ended = wait();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->why, EndedCommand::Why::Shutdown);
    EXPECT_EQ(ended->exit.signal, SIGKILL);
  }
  EXPECT_TRUE(eventually([&] { return is_dead(pid); }));
}

TEST_F(Runner, TakesItsCommandsAlongWhenItGoes) {
  const pid_t pid = shell("sleep 30");
  runner_.reset();
  EXPECT_FALSE(is_alive(pid));
}

TEST_F(Runner, SleepsWhileNothingRuns) {
  EXPECT_EQ(runner_->wake_ns(), Source::kNever);
  pollfd polled{runner_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 0), 0);
  end_of("echo x");
  EXPECT_EQ(runner_->wake_ns(), Source::kNever);
  EXPECT_EQ(::poll(&polled, 1, 0), 0);
}

}  // namespace
}  // namespace hb::test
