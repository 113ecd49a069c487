// Commands as the means of a recovery.
#include "recovery/command_means.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "observer/clock.hpp"
#include "tests/recovery/stalls.hpp"
#include "tests/support/child.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

using Words = std::vector<std::string>;

class Command : public testing::Test {
 protected:
  std::unique_ptr<CommandMeans> means(const std::string& line, const Words& environment = {},
                                      const CommandRunner::Config& runner = {}) {
    return means(line, environment, CommandMeans::Config(), runner);
  }
  std::unique_ptr<CommandMeans> means(const std::string& line, const Words& environment,
                                      const CommandMeans::Config& config,
                                      const CommandRunner::Config& runner = {}) {
    step_.what = CommandLine::parse(line).value();
    ServicePolicy everybody;
    everybody.steps = {step_};
    CommandProcessConfig process;
    process.runner = runner;
    process.environment = environment;
    process.policies = Policies({everybody});
    const PidfdTable::Config pidfds{.capacity = 10, .seed = 1};
    return std::make_unique<CommandMeans>(ForkedRunner::open(process).value(),
                                          std::make_shared<PidfdTable>(clock_, pidfds), config);
  }

  RecoveryReport end_of(CommandMeans& means) {
    std::optional<RecoveryMeans::Ended> ended;
    EXPECT_TRUE(eventually([&] { return (ended = means.next(clock_.now_ns())).has_value(); }));
    return ended ? std::get<RecoveryReport>(*ended) : RecoveryReport{RecoveryOutcome::DryRun, {}};
  }

  MonotonicClock clock_;
  Step step_;  // of the last means
};

TEST_F(Command, IsToldWhatHasStalled) {
  const auto command =
      means(R"(sh -c 'echo "$@" $HB_PID $HB_GENERATION $HB_CAUSE $PATH $X' - {pid})",
            {"X=y", "PATH=/bin"});
  const Stall stall = stall_of(42, 99);
  const RecoveryReport started = command->act(about(stall, step_), clock_.now_ns()).value();
  EXPECT_EQ(started.outcome, RecoveryOutcome::Spawned);
  const RecoveryReport ended = end_of(*command);
  EXPECT_EQ(ended.outcome, RecoveryOutcome::CompletedZero);
  EXPECT_EQ(ended.output, "42 42 99 silence /bin y\n");
  EXPECT_EQ(ended.record.exit_code, 0);
  EXPECT_EQ(ended.record.child_pid, started.record.child_pid);
}

TEST_F(Command, IsToldWhatTheLastBeatSaid) {
  const auto command = means(R"(sh -c 'echo $HB_STATUS $HB_PAYLOAD $HB_LAST_WORD')");
  Stall stall = stall_of(42);
  stall.status = vlp::Status::Critical;
  stall.payload = 4'000'000'000;
  stall.last_nonce = vlp::kTerminalNonce;
  command->act(about(stall, step_), clock_.now_ns());
  EXPECT_EQ(end_of(*command).output, "critical 4000000000 1\n");
}

// In the environment no byte means anything.
TEST_F(Command, IsToldTheNameAsItIs) {
  const auto command = means(R"(sh -c 'echo "<$HB_COMM>"')");
  Stall stall = stall_of(42);
  for (const char* comm : {"", "$(id) \"'", "\xff\x1b"}) {
    stall.comm = Comm(comm);
    command->act(about(stall, step_), clock_.now_ns());
    EXPECT_EQ(end_of(*command).output, "<" + std::string(comm) + ">\n");
  }
}

TEST_F(Command, IsRefusedWhereTheNameIsNotKnown) {
  const auto command = means("true {comm}");
  Stall stall = stall_of(42);
  EXPECT_EQ(command->refusal(about(stall, step_)), RecoveryRefusal::UnknownUnit);
  stall.comm = Comm("agent");
  EXPECT_EQ(command->refusal(about(stall, step_)), std::nullopt);
}

TEST_F(Command, IsWholeInTheRecord) {
  const auto command = means("/bin/true {pid} x");
  EXPECT_EQ(command->intent(about(stall_of(42), step_)).argv, (Words{"/bin/true", "42", "x"}));
  EXPECT_EQ(command->intent(about(stall_of(42), step_)).kind, AuditRecord::Kind::Spawn);
}

TEST_F(Command, IsRefusedWhileOneRunsForTheSameProcessOrTooManyDo) {
  const auto command = means("sleep 30", {}, {.max_running = 2});
  command->act(about(stall_of(1), step_), clock_.now_ns());
  EXPECT_EQ(command->refusal(about(stall_of(1), step_)), RecoveryRefusal::Debounced);
  EXPECT_EQ(command->refusal(about(stall_of(2), step_)), std::nullopt);
  command->act(about(stall_of(2), step_), clock_.now_ns());
  EXPECT_EQ(command->refusal(about(stall_of(3), step_)), RecoveryRefusal::TooManyRunning);
}

TEST_F(Command, HasAnOutcomeForEveryEnd) {
  const auto outcome = [&](const std::string& line, const CommandRunner::Config& config = {}) {
    const auto command = means(line, {}, config);
    command->act(about(stall_of(1), step_), clock_.now_ns());
    return end_of(*command).outcome;
  };
  EXPECT_EQ(outcome("sh -c 'exit 3'"), RecoveryOutcome::CompletedNonzero);
  EXPECT_EQ(outcome("sh -c 'kill -9 $$'"), RecoveryOutcome::EndedBySignal);
  EXPECT_EQ(outcome("sleep 30", {.timeout_ns = 1}), RecoveryOutcome::KilledTimeout);
  const auto killed = means("sleep 30");
  killed->act(about(stall_of(1), step_), clock_.now_ns());
  killed->kill_all();
  EXPECT_EQ(end_of(*killed).outcome, RecoveryOutcome::KilledShutdown);
}

TEST_F(Command, ThatHasGoneSinceTheStartFailsToSpawn) {
  const TemporaryDirectory directory;
  const std::string script = directory.path("script");
  std::ofstream(script) << "#!/bin/sh\n";
  ::chmod(script.c_str(), 0755);
  const auto command = means(script);
  std::filesystem::remove(script);
  const RecoveryReport report = command->act(about(stall_of(1), step_), clock_.now_ns()).value();
  EXPECT_EQ(report.outcome, RecoveryOutcome::SpawnFailed);
  EXPECT_NE(report.detail.find("No such file"), std::string::npos) << report.detail;
}

// --- Uids: which the process had, and which it has ---

class CommandFor : public Command {
 protected:
  void open(bool require_same_uid = false) {
    CommandMeans::Config config;
    config.uid_of_pid = [this](std::uint32_t) { return uid_of_pid_; };
    config.require_same_uid = require_same_uid;
    means_ = means(R"(sh -c 'echo "uid <$HB_UID> now <$HB_UID_NOW>"')", {}, config);
  }
  // Two stamps, so that its pidfd is proven.
  void prove() {
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(means_->hear(beat_of(pid(), 5, clock_.now_ns(), own_)));
    }
  }
  std::uint32_t pid() const { return static_cast<std::uint32_t>(child_.pid()); }

  std::string said(const Stall& stall) {
    means_->act(about(stall, step_), clock_.now_ns());
    return end_of(*means_).output;
  }

  const std::uint32_t own_ = ::getuid();
  std::optional<std::uint32_t> uid_of_pid_ = own_;  // where the kernel cannot say it of a pidfd
  std::unique_ptr<CommandMeans> means_;
  Child child_ = Child::run([] { ::pause(); });
};

std::string uids(const std::string& stamped, const std::string& now) {
  return "uid <" + stamped + "> now <" + now + ">\n";
}

TEST_F(CommandFor, AProvenAgentIsToldBothUids) {
  open();
  prove();
  EXPECT_EQ(said(stall_of(pid(), 5, 4711)), uids("4711", std::to_string(own_)));
}

TEST_F(CommandFor, OneThatIsNotProvenIsToldNoPresentUid) {
  open();
  EXPECT_EQ(said(stall_of(pid(), 5, 4711)), uids("4711", ""));
  EXPECT_EQ(said(stall_of(pid(), 5, std::nullopt)), uids("", ""));
}

TEST_F(CommandFor, OneThatIsGoneIsToldNoPresentUid) {
  open();
  prove();
  const std::uint32_t pid_of_it = pid();
  ::kill(child_.pid(), SIGKILL);
  child_.wait();
  EXPECT_EQ(said(stall_of(pid_of_it, 5, 4711)), uids("4711", ""))
      << "whoever has that pid now is somebody else";
}

TEST_F(CommandFor, AnAgentThatHasChangedItsUidIsRefusedWhereItMustNot) {
  open(true);
  EXPECT_EQ(means_->refusal(about(stall_of(pid(), 5, own_), step_)),
            RecoveryRefusal::CredentialsChanged)
      << "not known";
  prove();
  EXPECT_EQ(means_->refusal(about(stall_of(pid(), 5, own_), step_)), std::nullopt);
  EXPECT_EQ(means_->refusal(about(stall_of(pid(), 5, own_ + 1), step_)),
            RecoveryRefusal::CredentialsChanged);
  EXPECT_EQ(means_->refusal(about(stall_of(pid(), 5, std::nullopt), step_)),
            RecoveryRefusal::CredentialsChanged);
}

TEST_F(CommandFor, AnAgentThatHasEndedIsNotRefused) {
  open(true);
  Stall stall = stall_of(pid(), 5, own_ + 1);
  stall.cause = StallCause::Exited;
  EXPECT_EQ(means_->refusal(about(stall, step_)), std::nullopt);
}

}  // namespace
}  // namespace hb::test
