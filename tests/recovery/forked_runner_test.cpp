// Commands run by a process beside the observer: what it runs, and what it does not, whoever asks.
#include "recovery/forked_runner.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/recovery/runner_fixture.hpp"

namespace hb::test {
namespace {

Step step(const std::string& line) {
  Step step;
  step.what = CommandLine::parse(line).value();
  return step;
}

ServicePolicy policy_of(std::vector<Step> steps, const std::string& unit = "") {
  ServicePolicy policy;
  if (!unit.empty()) policy.match.unit = Glob(unit);
  policy.steps = std::move(steps);
  return policy;
}

class Forked : public testing::Test {
 protected:
  void open(std::vector<ServicePolicy> policies, CommandProcessConfig config = {}) {
    config.policies = Policies(std::move(policies));
    config.runner.warn = [this](const Error& error) { warnings_ += error.message + "\n"; };
    runner_ = ForkedRunner::open(config).value();
  }

  Result<pid_t> start(const Step& step, std::uint32_t pid = 7, const std::string& cgroup = "") {
    stall_ = stall_of(pid);
    service_ = {.name = "", .unit = {}, .user_unit = {}, .cgroup = {}};
    if (!cgroup.empty()) service_.cgroup = cgroup;
    return runner_->start({stall_, service_, step}, std::nullopt, clock_.now_ns());
  }

  std::optional<EndedCommand> wait() {
    std::optional<EndedCommand> ended;
    EXPECT_TRUE(eventually([&] {
      runner_->look(clock_.now_ns());
      return (ended = runner_->take()).has_value();
    }));
    return ended;
  }
  EndedCommand end_of(const Step& step) {
    const auto started = start(step);
    EXPECT_TRUE(started) << started.error().message;
    return wait().value_or(EndedCommand());
  }

  MonotonicClock clock_;
  Stall stall_{};
  ServiceFacts service_;
  std::string warnings_;
  std::unique_ptr<ForkedRunner> runner_;
};

TEST_F(Forked, ACommandRunsAndItsOutputComes) {
  const Step command = step("sh -c 'echo $HB_SERVICE $HB_PID; exit 3'");
  open({policy_of({command})});
  const EndedCommand ended = end_of(command);
  EXPECT_EQ(ended.output, "process 7 7\n");
  EXPECT_EQ(ended.exit.code, 3);
  EXPECT_EQ(ended.stall.pid, 7U);
}

TEST_F(Forked, MuchOutputComesInParts) {
  const Step command = step("sh -c 'head -c 100000 /dev/zero | tr \"\\\\0\" x'");
  CommandProcessConfig config;
  config.runner.output_bytes = 90'000;
  open({policy_of({command})}, config);
  const EndedCommand ended = end_of(command);
  EXPECT_EQ(ended.output, std::string(90'000, 'x'));
  EXPECT_EQ(ended.discarded_bytes, 10'000U);
}

TEST_F(Forked, OneThatIsTooLongForAMessageIsRefusedAtOnce) {
  const Step command = step("true " + std::string(70'000, 'x'));
  open({policy_of({command})});
  const auto started = start(command);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, E2BIG) << started.error().message;
  EXPECT_TRUE(runner_->has_room()) << "nothing was asked";
}

TEST_F(Forked, WhatCannotBeExecutedIsToldAtOnce) {
  const TemporaryDirectory directory;
  const std::string script = directory.path("script");
  std::ofstream(script) << "#!/no/such/interpreter\n";
  std::filesystem::permissions(script, std::filesystem::perms(0755));
  const Step command = step(script);
  open({policy_of({command})});
  const auto started = start(command);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ENOENT);
}

// As one who has taken the loop over would.
TEST_F(Forked, NothingRunsThatTheOperatorHasNotWritten) {
  const Step command = step("true");
  Step longer = command;
  longer.wait_ns = 1;
  open({policy_of({command})});
  for (const Step& other : {step("false"), step("true {pid}"), longer}) {
    const auto started = start(other);
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("no policy has this command"), std::string::npos)
        << started.error().message;
  }
  EXPECT_TRUE(start(command));
}

TEST_F(Forked, ACommandRunsOnlyForTheServicesOfItsPolicy) {
  const Step one = step("echo one {unit}");
  const Step two = step("echo two {unit}");
  open({policy_of({one}, "one.service"), policy_of({two}, "two*.service")});
  EXPECT_FALSE(start(one, 7, "/system.slice/two.service"));
  EXPECT_FALSE(start(two, 7, "/system.slice/one.service"));
  EXPECT_FALSE(start(two, 7));
  ASSERT_TRUE(start(two, 7, "/system.slice/two-a.service"));
  EXPECT_EQ(wait().value_or(EndedCommand()).output, "two two-a.service\n");
}

// The loop goes by the old policy until the service is well again.
TEST_F(Forked, PoliciesAreReadAgain) {
  const Step first = step("echo first");
  const Step second = step("echo second");
  const TemporaryDirectory directory;
  const std::string flag = directory.path("flag");
  CommandProcessConfig config;
  config.read_policies = [&]() -> Result<Policies> {
    if (std::filesystem::exists(flag)) return Error{"it has a mistake"};
    return Policies({policy_of({second})});
  };
  open({policy_of({first})}, config);
  EXPECT_FALSE(start(second));
  runner_->read_policies_again();
  EXPECT_EQ(end_of(second).output, "second\n");
  EXPECT_EQ(end_of(first).output, "first\n");
  std::ofstream(flag) << "";
  runner_->read_policies_again();
  EXPECT_EQ(end_of(second).output, "second\n");
  EXPECT_EQ(warnings_, "it has a mistake\n");
}

TEST_F(Forked, WhereTheProcessEndsWhatRunsIsLostAndNothingCanBeStarted) {
  const Step command = step("sleep 30");
  open({policy_of({command})});
  const auto started = start(command);
  ASSERT_TRUE(started);
  ::kill(runner_->pid(), SIGKILL);
  const auto ended = wait();
  EXPECT_EQ(ended.value_or(EndedCommand()).why, EndedCommand::Why::Lost);
  EXPECT_TRUE(runner_->is_lost());
  EXPECT_NE(warnings_.find("until the observer is restarted"), std::string::npos) << warnings_;
  const auto next = start(command);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, EPIPE);
  ::kill(started.value(), SIGKILL);
}

// One that is stopped holds the loop for a bounded time, and what it was asked for meanwhile does
// not run later.
TEST_F(Forked, WhatWasAskedForIsNotBegunLate) {
  const Step command = step("true");
  open({policy_of({command})});
  ::kill(runner_->pid(), SIGSTOP);
  const auto started = start(command);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ETIMEDOUT) << started.error().message;
  EXPECT_FALSE(runner_->has_room()) << "the answer is still due";
  EXPECT_TRUE(runner_->is_running_for(process_of(stall_)));
  ::kill(runner_->pid(), SIGCONT);
  EXPECT_TRUE(eventually([&] {
    runner_->look(clock_.now_ns());
    return runner_->has_room();
  }));
  EXPECT_EQ(runner_->running(), 0U);
}

// Of an observer that was killed.
TEST_F(Forked, DeadlinesAreKeptWithoutAnObserver) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe(ends), 0);
  Child observer = Child::run([&] {
    const Step command = step("sleep 60");
    CommandProcessConfig config;
    config.runner.timeout_ns = 300 * kNsPerMs;
    open({policy_of({command})}, config);
    const pid_t pids[2] = {start(command).value(), runner_->pid()};
    if (::write(ends[1], pids, sizeof(pids)) != sizeof(pids)) ::_exit(1);
    ::_exit(0);
  });
  pid_t pids[2] = {0, 0};
  ASSERT_EQ(::read(ends[0], pids, sizeof(pids)), static_cast<ssize_t>(sizeof(pids)));
  observer.wait();
  EXPECT_TRUE(eventually([&] { return is_dead(pids[0]) && is_dead(pids[1]); }))
      << "the command or its process still runs";
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(Forked, ProblemsOfTheStartAreToldByTheObserver) {
  CommandProcessConfig config;
  config.drop_privileges = [] { return Result<>(Error{"no such luck", EPERM}); };
  const auto opened = ForkedRunner::open(config);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "no such luck");
}

}  // namespace
}  // namespace hb::test
