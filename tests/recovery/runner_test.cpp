// Commands that behave, and commands that do not.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cstddef>

#include "tests/recovery/runner_fixture.hpp"

namespace hb::test {
namespace {

// --- Where commands cannot be run ---

// A seccomp filter as containers have them: this system call fails.
void deny(long call, std::uint32_t code) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(filter), filter};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(99);
}

// 0: it says so at the start.
int opening_without(long call, const std::string& name) {
  Child child = Child::run([&] {
    deny(call, EPERM);
    const auto opened = CommandRunner::open({});
    const bool says_so = !opened && opened.error().code == EPERM &&
                         opened.error().message.find(name) != std::string::npos;
    ::_exit(says_so ? 0 : 1);
  });
  return WEXITSTATUS(child.wait());
}

// A command was executed, and killed at once as there was no pidfd of it.
TEST_F(Runner, IsRefusedAtTheStartWhereAFilterDeniesWhatItNeeds) {
  EXPECT_EQ(opening_without(SYS_pidfd_open, "pidfd_open"), 0);
  EXPECT_EQ(opening_without(SYS_close_range, "close_range"), 0);
  EXPECT_EQ(opening_without(SYS_getcpu, "nothing"), 1) << "what it does not need";
}

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

// The observer raises its own limit, and programs that use select(2) break where more than 1024
// descriptors are allowed.
TEST_F(Runner, GivesACommandTheLimitOfDescriptorsThatIsAskedFor) {
  restart({.descriptors = rlimit{321, 345}});
  EXPECT_EQ(end_of("ulimit -Sn; ulimit -Hn").output, "321\n345\n");
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
