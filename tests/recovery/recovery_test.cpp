// From a stall to an act: what is recorded when, counted and told, and what happens without a
// record.
#include "recovery/recovery.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "tests/observer/fake_clock.hpp"
#include "tests/recovery/fakes.hpp"
#include "tests/recovery/stalls.hpp"

namespace hb::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

class RecoveryFlow : public testing::Test {
 protected:
  RecoveryFlow() { restart({}); }

  void restart(Recovery::Config config) {
    if (config.services.policies.all().empty()) config.services.policies = with_steps({kAnyStep});
    config.policy.observer_ns_inode = kHome;
    config.policy.budget = {.acts = 2, .window_ns = 60 * kSecond};
    if (!config.policy.budget_per_uid) {
      config.policy.budget_per_uid = {.acts = 100, .window_ns = 60 * kSecond};
    }
    auto means = std::make_unique<FakeMeans>(log_);
    means_ = means.get();
    recovery_.emplace(config, std::move(means), &names_, clock_, &trail_, listener_);
  }

  static Policies with_steps(std::vector<Step> steps) {
    ServicePolicy everybody;
    everybody.steps = std::move(steps);
    return Policies({std::move(everybody)});
  }

  Log on(const Stall& stall) {
    log_.clear();
    recovery_->handle(stall);
    return std::exchange(log_, {});
  }
  Log on_stall_of(std::uint32_t pid) { return on(stall_of(pid)); }

  std::uint64_t count(RecoveryOutcome outcome) { return recovery_->counters().outcomes[outcome]; }
  std::uint64_t count(RecoveryRefusal reason) { return recovery_->counters().refusals[reason]; }

  // A beat that is its process's first.
  void first_beat_of(std::uint32_t pid, std::uint64_t cgroup_id = 0) {
    Beat beat = beat_of(pid, 5, clock_.now_ns());
    beat.first_or_changed = beat.is_first = true;
    beat.cgroup_id = cgroup_id;
    recovery_->hear(beat);
  }
  void end_with(RecoveryOutcome outcome, std::uint32_t pid) {
    means_->ended.push_back(RecoveryReport{outcome, stall_of(pid)});
    recovery_->tick(clock_.now_ns());
  }
  void deny(std::uint32_t pid) {
    means_->ended.push_back(
        DeniedAct{RecoveryRefusal::CredentialsChanged, stall_of(pid), clock_.now_ns(), {}});
    recovery_->tick(clock_.now_ns());
  }
  Log pass(std::uint64_t span_ns) {
    log_.clear();
    clock_.advance(span_ns);
    recovery_->tick(clock_.now_ns());
    return std::exchange(log_, {});
  }

  Log log_;
  FakeNames names_;
  FakeClock clock_{kSecond};
  FakeTrail trail_{log_};
  FakeListener listener_{log_};
  FakeMeans* means_ = nullptr;
  std::optional<Recovery> recovery_;
};

TEST_F(RecoveryFlow, RecordsBeforeItActs) {
  EXPECT_EQ(on_stall_of(7), (Log{"record spawn 7", "act 7", "tell spawned"}));
  EXPECT_EQ(count(RecoveryOutcome::Spawned), 1U);
}

TEST_F(RecoveryFlow, RecordsWhatTheActCameTo) {
  means_->outcome = RecoveryOutcome::SpawnFailed;
  EXPECT_EQ(on_stall_of(7),
            (Log{"record spawn 7", "act 7", "tell spawn_failed", "record spawn_failed 7"}));
}

TEST_F(RecoveryFlow, RecordsTheEndOfACommand) {
  on_stall_of(7);
  means_->ended.push_back(RecoveryReport{RecoveryOutcome::CompletedNonzero, stall_of(7)});
  std::get<RecoveryReport>(means_->ended.back()).record.exit_code = 3;
  recovery_->tick(clock_.now_ns());
  EXPECT_EQ(log_, (Log{"tell completed_nonzero", "record completed_nonzero 7"}));
  EXPECT_EQ(trail_.records.back().exit_code, 3);
  EXPECT_EQ(count(RecoveryOutcome::CompletedNonzero), 1U);
}

TEST_F(RecoveryFlow, PutsOnRecordWhoItIsAbout) {
  Stall stall = stall_of(7, 99);
  stall.cgroup_id = 1234;
  stall.comm = Comm("agent");
  on(stall);
  const AuditRecord& record = trail_.records.back();
  EXPECT_EQ(record.pid, 7U);
  EXPECT_EQ(record.generation_ns, 99U);
  EXPECT_EQ(record.cgroup_id, 1234U);
  EXPECT_EQ(record.pid_ns_inode, kHome);
  EXPECT_EQ(record.origin, BeatOrigin::KernelAttested);
  EXPECT_EQ(record.cause, StallCause::Silence);
  EXPECT_EQ(record.comm, "agent");
  EXPECT_EQ(record.uid, kUser);
}

TEST_F(RecoveryFlow, DoesNothingInADryRun) {
  Recovery::Config config;
  config.dry_run = true;
  restart(config);
  EXPECT_EQ(on_stall_of(7), (Log{"record spawn 7 dry", "tell dry_run", "record dry_run 7 dry"}));
  EXPECT_EQ(count(RecoveryOutcome::DryRun), 1U);
  EXPECT_EQ(pass(3600 * kSecond), Log{}) << "once, as nothing comes of it";
}

TEST_F(RecoveryFlow, RecordsARefusal) {
  Stall stranger = stall_of(7);
  stranger.origin = BeatOrigin::NetworkUnverified;
  EXPECT_EQ(on(stranger),
            (Log{"tell refused origin_unattested", "record refused origin_unattested 7"}));
  EXPECT_EQ(count(RecoveryRefusal::OriginUnattested), 1U);
}

// What the means refuse spends neither debounce nor budget; and is told once.
TEST_F(RecoveryFlow, ActsLaterOnWhatTheMeansRefusedAtFirst) {
  means_->refuses = RecoveryRefusal::TooManyRunning;
  EXPECT_EQ(on_stall_of(7).front(), "tell refused too_many_running");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pass(kSecond), Log{});
  means_->refuses.reset();
  EXPECT_EQ(pass(kSecond), (Log{"record spawn 7", "act 7", "tell spawned"}));
  EXPECT_EQ(count(RecoveryRefusal::TooManyRunning), 1U);
}

// The story: refused once, for the start-up grace or the budget, an agent was never recovered.
TEST_F(RecoveryFlow, ActsOnWhatWasRefusedForAWhileWhenThatIsOver) {
  Recovery::Config config;
  config.policy.act_from_ns = 100 * kSecond;
  restart(config);
  EXPECT_EQ(on_stall_of(7).front(), "tell refused startup_grace");
  EXPECT_EQ(pass(kSecond), Log{});
  EXPECT_EQ(pass(100 * kSecond).back(), "tell spawned");
}

TEST_F(RecoveryFlow, WhatIsExhaustedIsMadeUpForWhenTheBudgetAllows) {
  for (std::uint32_t pid = 1; pid <= 6; ++pid) on_stall_of(pid);
  EXPECT_EQ(means_->acts, 2U);
  pass(60 * kSecond);
  EXPECT_EQ(means_->acts, 4U);
  pass(60 * kSecond);
  EXPECT_EQ(means_->acts, 6U);
}

// The story: a command that failed once was never run again.
TEST_F(RecoveryFlow, ACommandThatFailedIsRunAgain) {
  on_stall_of(7);
  end_with(RecoveryOutcome::CompletedNonzero, 7);
  EXPECT_EQ(pass(kSecond / 2), Log{});
  EXPECT_EQ(pass(kSecond), (Log{"record spawn 7", "act 7", "tell spawned"}));
  EXPECT_EQ(trail_.records.back().attempt, 2U);
}

TEST_F(RecoveryFlow, ACommandThatCouldNotBeStartedSpendsNothing) {
  means_->outcome = RecoveryOutcome::SpawnFailed;
  on_stall_of(7);
  for (int i = 0; i < 5; ++i) pass(70 * kSecond);
  EXPECT_EQ(means_->acts, 6U);
  means_->outcome = RecoveryOutcome::Spawned;
  pass(70 * kSecond);
  EXPECT_EQ(trail_.records.back().attempt, 1U);
  EXPECT_EQ(recovery_->counters().changes[ServiceNews::GaveUp], 0U);
}

TEST_F(RecoveryFlow, AnAgentThatBeatsAgainIsLeftAlone) {
  means_->refuses = RecoveryRefusal::TooManyRunning;
  on_stall_of(7);
  means_->refuses.reset();
  Beat beat = beat_of(7, 5, clock_.now_ns());
  beat.first_or_changed = true;
  recovery_->hear(beat);
  EXPECT_EQ(pass(kSecond), Log{});
  EXPECT_EQ(listener_.changes, (Log{"process 7 went_down", "process 7 recovered_elsewhere"}));
}

// --- Services ---

constexpr std::uint64_t kCgroup = 42;
constexpr std::uint64_t kCgroupAfterwards = 43;  // systemd makes another one at each start

Stall crash_of(std::uint32_t pid, std::uint64_t cgroup_id = kCgroup) {
  Stall stall = stall_of(pid);
  stall.cause = StallCause::Exited;
  stall.exit.signal = 11;
  stall.cgroup_id = cgroup_id;
  return stall;
}

Stall silence_of(std::uint32_t pid) {
  Stall stall = stall_of(pid);
  stall.cgroup_id = kCgroup;
  return stall;
}

TEST_F(RecoveryFlow, AsksOnceForEachCgroup) {
  first_beat_of(1, kCgroup);
  first_beat_of(2, kCgroup);
  first_beat_of(3, 1);
  first_beat_of(4, 0);
  EXPECT_EQ(names_.asked, std::vector<std::uint64_t>{kCgroup}) << "not for the root cgroup";
}

// The story: one restart by hand led to ten more.
TEST_F(RecoveryFlow, ARestartByHandIsLeftAlone) {
  names_.know(kCgroup, "a.service");
  names_.know(kCgroupAfterwards, "a.service");
  first_beat_of(1, kCgroup);
  recovery_->tick(clock_.now_ns());
  on(crash_of(1));
  clock_.advance(kSecond / 2);
  first_beat_of(2, kCgroupAfterwards);
  EXPECT_EQ(pass(60 * kSecond), Log{});
  EXPECT_EQ(listener_.changes, (Log{"a.service went_down", "a.service recovered_elsewhere"}));
}

TEST_F(RecoveryFlow, AServiceIsActedUponOnceForAllItsProcesses) {
  names_.know(kCgroup, "a.service");
  for (std::uint32_t pid = 1; pid <= 3; ++pid) first_beat_of(pid, kCgroup);
  recovery_->tick(clock_.now_ns());
  for (std::uint32_t pid = 1; pid <= 3; ++pid) on(crash_of(pid));
  pass(kSecond);
  EXPECT_EQ(means_->acts, 1U);
  end_with(RecoveryOutcome::CompletedZero, 1);
  pass(kSecond);
  EXPECT_EQ(means_->acts, 1U);
  EXPECT_EQ(trail_.records.back().kind, AuditRecord::Kind::Complete);
}

TEST_F(RecoveryFlow, PutsTheServiceOnRecord) {
  names_.know(kCgroup, "a.service");
  first_beat_of(1, kCgroup);
  recovery_->tick(clock_.now_ns());
  on(crash_of(1));
  pass(kSecond);
  const auto spawn =
      std::find_if(trail_.records.begin(), trail_.records.end(),
                   [](const auto& one) { return one.kind == AuditRecord::Kind::Spawn; });
  ASSERT_NE(spawn, trail_.records.end());
  EXPECT_EQ(spawn->service, "a.service");
  EXPECT_EQ(spawn->unit, "a.service");
  EXPECT_EQ(spawn->attempt, 1U);
}

TEST_F(RecoveryFlow, AFailureWaitsForTheNameOfItsService) {
  first_beat_of(1, kCgroup);
  on(crash_of(1));
  pass(kSecond);
  EXPECT_EQ(listener_.changes, Log{});
  names_.know(kCgroup, "a.service");
  recovery_->tick(clock_.now_ns());
  EXPECT_EQ(listener_.changes, Log{"a.service went_down"});
}

TEST_F(RecoveryFlow, WithoutAnAnswerAProcessIsItsOwnService) {
  first_beat_of(1, kCgroup);
  names_.know_nothing_of(kCgroup);
  recovery_->tick(clock_.now_ns());
  EXPECT_EQ(on(crash_of(1)), (Log{"record spawn 1", "act 1", "tell spawned", "forget 1"}));
}

TEST_F(RecoveryFlow, ARecoveredServiceIsForgottenInTime) {
  names_.know(kCgroup, "a.service");
  names_.know(kCgroupAfterwards, "a.service");
  first_beat_of(1, kCgroup);
  recovery_->tick(clock_.now_ns());
  on(crash_of(1));
  pass(kSecond);
  end_with(RecoveryOutcome::CompletedZero, 1);
  first_beat_of(2, kCgroupAfterwards);
  for (int i = 0; i < 10; ++i) pass(10 * kSecond);
  EXPECT_EQ(listener_.changes, (Log{"a.service went_down", "a.service recovered"}));
  EXPECT_EQ(means_->acts, 1U);
}

// A user's processes that fail can be as many as he likes.
TEST_F(RecoveryFlow, OneUserTakesAtMostAQuarterOfTheServices) {
  Recovery::Config config;
  config.services.capacity = 8;
  restart(config);
  for (std::uint32_t pid = 1; pid <= 8; ++pid) on(stall_of(pid, 5, 1000));
  EXPECT_EQ(count(RecoveryRefusal::DebounceFull), 6U);
  on(stall_of(9, 5, 0));
  EXPECT_EQ(count(RecoveryRefusal::DebounceFull), 6U);
}

// What was given up stayed for ever, and 4,096 of them kept everybody else from being recovered.
TEST_F(RecoveryFlow, WhatWasGivenUpMakesRoomForOthers) {
  Recovery::Config config;
  config.services.capacity = 8;
  restart(config);
  means_->refuses = RecoveryRefusal::UnknownUnit;
  for (std::uint32_t pid = 1; pid <= 20; ++pid) on(stall_of(pid, 5, 0));
  means_->refuses.reset();
  EXPECT_EQ(on(stall_of(21, 5, 0)).back(), "tell spawned");
  EXPECT_EQ(count(RecoveryRefusal::DebounceFull), 0U);
}

// Whoever may send UDP could fill the table with pids of his choice.
TEST_F(RecoveryFlow, NothingIsRememberedOfWhatNobodyVouchesFor) {
  Recovery::Config config;
  config.services.capacity = 8;
  restart(config);
  for (std::uint32_t pid = 1; pid <= 20; ++pid) {
    Stall stranger = stall_of(pid, 0, std::nullopt);
    stranger.origin = BeatOrigin::NetworkUnverified;
    on(stranger);
  }
  EXPECT_EQ(count(RecoveryRefusal::OriginUnattested), 20U);
  EXPECT_EQ(on(stall_of(21, 5, std::nullopt)).back(), "tell spawned");
}

TEST_F(RecoveryFlow, AThousandServicesAtOnce) {
  Recovery::Config config;
  restart(config);
  for (std::uint32_t pid = 1; pid <= 1000; ++pid) on(stall_of(pid, 5, 0));
  for (int i = 0; i < 1000; ++i) pass(60 * kSecond);
  EXPECT_EQ(means_->acts, 1000U) << "as root's share of the budget allows, one a minute";
}

// --- Steps ---

const Step kAbort{SIGABRT, 5 * kSecond};
const Step kKill{SIGKILL, kSecond};

TEST_F(RecoveryFlow, TakesOneStepAfterAnother) {
  Recovery::Config config;
  config.services.policies = with_steps({kAbort, kKill});
  restart(config);
  on_stall_of(7);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT}));
  end_with(RecoveryOutcome::Signalled, 7);
  pass(4 * kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT}));
  pass(kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT, SIGKILL}));
  EXPECT_EQ(trail_.records.back().attempt, 1U);
}

TEST_F(RecoveryFlow, LeavesOutAStepThatIsNotNeededAnyMore) {
  Recovery::Config config;
  config.services.policies = with_steps({kAbort, kKill});
  restart(config);
  on_stall_of(7);
  end_with(RecoveryOutcome::Signalled, 7);
  Stall gone = stall_of(7);
  gone.cause = StallCause::Exited;
  gone.exit.signal = SIGABRT;
  on(gone);
  for (int i = 0; i < 10; ++i) pass(kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT}));
}

// --- Core dumps ---

class FakeCoreDumps final : public CoreDumps {
 public:
  [[nodiscard]] std::optional<std::uint64_t> since_ns(const Stall& stall) const override {
    const auto found = since.find(stall.pid);
    return found != since.end() ? std::optional(found->second) : std::nullopt;
  }

  std::map<std::uint32_t, std::uint64_t> since;
};

class RecoveryAndCoreDumps : public RecoveryFlow {
 protected:
  RecoveryAndCoreDumps() {
    ServicePolicy everybody;
    everybody.steps = {kAbort, kKill};
    everybody.rules.core_wait_ns = 30 * kSecond;
    Recovery::Config config;
    config.services.policies = Policies({std::move(everybody)});
    config.core_dumps = &dumps_;
    restart(config);
  }

  void begin_dump_of(std::uint32_t pid) { dumps_.since[pid] = clock_.now_ns(); }

  FakeCoreDumps dumps_;
};

TEST_F(RecoveryAndCoreDumps, LetADumpComeToItsEnd) {
  on_stall_of(7);
  begin_dump_of(7);
  end_with(RecoveryOutcome::Signalled, 7);
  for (int i = 0; i < 20; ++i) pass(kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT}));
  EXPECT_EQ(count(RecoveryRefusal::DumpingCore), 1U) << "told once";
  Stall gone = stall_of(7);
  gone.cause = StallCause::Exited;
  gone.exit.signal = SIGABRT;
  on(gone);
  for (int i = 0; i < 60; ++i) pass(kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT}));
}

TEST_F(RecoveryAndCoreDumps, WaitNoLongerThanTheyMay) {
  on_stall_of(7);
  begin_dump_of(7);
  end_with(RecoveryOutcome::Signalled, 7);
  pass(29 * kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT}));
  pass(kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT, SIGKILL}));
}

// It crashed by itself, and is taken for silent while it dumps.
TEST_F(RecoveryAndCoreDumps, AreNotDisturbedByTheFirstStepEither) {
  begin_dump_of(7);
  clock_.advance(2 * kSecond);
  EXPECT_EQ(on_stall_of(7), (Log{"tell refused dumping_core", "record refused dumping_core 7"}));
  EXPECT_EQ(means_->acts, 0U);
  pass(28 * kSecond);
  EXPECT_EQ(means_->acts, 1U);
}

TEST_F(RecoveryAndCoreDumps, OfOneProcessDoNotKeepOthersFromBeingRecovered) {
  begin_dump_of(7);
  on_stall_of(7);
  on_stall_of(8);
  EXPECT_EQ(means_->acts, 1U);
}

// --- Steps that are not taken ---

// Not every agent can be signalled; it can be restarted all the same.
TEST_F(RecoveryFlow, PassesOverAStepThatCanNeverBeTaken) {
  Recovery::Config config;
  config.services.policies = with_steps({kAbort, kKill});
  restart(config);
  means_->refuses = RecoveryRefusal::GenerationUnproven;
  on_stall_of(7);
  means_->refuses.reset();
  pass(kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGKILL}));
}

TEST_F(RecoveryFlow, TakesAllStepsOfAnAttemptForOneShareOfTheBudget) {
  Recovery::Config config;
  config.services.policies = with_steps({kAbort, kAbort, kAbort, kKill});
  restart(config);  // two acts a minute
  on_stall_of(7);
  for (int i = 0; i < 4; ++i) {
    end_with(RecoveryOutcome::Signalled, 7);
    pass(5 * kSecond);
  }
  EXPECT_EQ(means_->signals.size(), 4U);
}

// It was signalled all the same, by the step that had waited for the effect of the one before.
TEST_F(RecoveryFlow, DoesNotSignalAProcessThatBeatsAgain) {
  Recovery::Config config;
  config.services.policies = with_steps({kAbort, kKill});
  restart(config);
  on_stall_of(7);
  end_with(RecoveryOutcome::Signalled, 7);
  Beat again = beat_of(7, 5, clock_.now_ns());
  again.first_or_changed = true;
  recovery_->hear(again);
  for (int i = 0; i < 10; ++i) pass(kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT}));
}

TEST_F(RecoveryFlow, DoesNotSignalAProcessThatHasEnded) {
  Recovery::Config config;
  config.services.policies = with_steps({kAbort, kAnyStep});
  restart(config);
  on(crash_of(7, 0));
  pass(kSecond);
  EXPECT_EQ(means_->acts, 1U);
  EXPECT_EQ(means_->signals, (std::vector<int>{}));
}

// The agent had become root before it hung: no signal of ours could reach it, but a restart could.
TEST_F(RecoveryFlow, GoesOnAfterAStepThatTheKernelDenied) {
  Recovery::Config config;
  config.services.policies = with_steps({kKill, kAnyStep});
  restart(config);
  on_stall_of(7);
  deny(7);
  pass(kSecond);
  EXPECT_EQ(means_->acts, 2U);
  EXPECT_EQ(count(RecoveryRefusal::CredentialsChanged), 1U);
}

// It spent all attempts on the one, and none on the other, which could have been helped.
TEST_F(RecoveryFlow, OneThatNoStepCanHelpMakesWayForAnotherOfItsService) {
  Recovery::Config config;
  config.services.policies = with_steps({kAbort, kKill});
  restart(config);
  names_.know(kCgroup, "a.service");
  first_beat_of(1, kCgroup);
  recovery_->tick(clock_.now_ns());
  means_->refuses = RecoveryRefusal::GenerationUnproven;
  on(silence_of(1));
  pass(kSecond);
  EXPECT_EQ(listener_.changes, (Log{"a.service went_down", "a.service given_up"}));
  means_->refuses.reset();
  on(silence_of(2));
  pass(2 * kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT}));
}

// It was tried again for ever, and the step after it never.
TEST_F(RecoveryFlow, GoesOnAfterACommandThatCannotBeExecuted) {
  Recovery::Config config;
  config.services.policies = with_steps({kAbort, kAnyStep, kKill});
  restart(config);
  on_stall_of(7);
  end_with(RecoveryOutcome::Signalled, 7);
  means_->outcome = RecoveryOutcome::SpawnFailed;
  pass(5 * kSecond);
  EXPECT_EQ(count(RecoveryOutcome::SpawnFailed), 1U);
  means_->outcome = RecoveryOutcome::Spawned;
  pass(kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT, SIGKILL}));
}

// --- Policies ---

TEST_F(RecoveryFlow, DoesNothingAboutWhoNoPolicyMatches) {
  ServicePolicy of_a;
  of_a.match.unit = Glob("a*.service");
  of_a.steps = {kAnyStep};
  Recovery::Config config;
  config.services.policies = Policies({of_a});
  restart(config);
  names_.know(kCgroup, "b.service");
  first_beat_of(1, kCgroup);
  recovery_->tick(clock_.now_ns());
  on(crash_of(1));
  EXPECT_EQ(pass(60 * kSecond), Log{});
  EXPECT_EQ(listener_.changes, Log{});
}

TEST_F(RecoveryFlow, GoesByThePolicyThatMatches) {
  ServicePolicy slow;
  slow.match.unit = Glob("slow.service");
  slow.rules.settle_ns = 30 * kSecond;
  slow.steps = {kAnyStep};
  ServicePolicy others;
  others.match.unit = Glob("a*.service");
  others.steps = {kAnyStep};
  Recovery::Config config;
  config.services.policies = Policies({slow, others});
  restart(config);
  names_.know(kCgroup, "slow.service");
  first_beat_of(1, kCgroup);
  recovery_->tick(clock_.now_ns());
  on(crash_of(1));
  EXPECT_EQ(pass(10 * kSecond), Log{});
  EXPECT_EQ(pass(20 * kSecond).back(), "tell spawned");
}

// Both are in cron.service. The first one to fail decided for both, so a user's jobs could have
// root's killed, or keep them from being recovered.
class OfOneUnit : public RecoveryFlow {
 protected:
  OfOneUnit() {
    ServicePolicy of_user;
    of_user.name = "user";
    of_user.match.unit = Glob("cron.service");
    of_user.match.uid = 1000;
    of_user.steps = {kKill};
    ServicePolicy of_root = of_user;
    of_root.name = "root";
    of_root.match.uid = 0;
    of_root.steps = {kAnyStep};
    config_.services.policies = Policies({of_user, of_root});
    restart(config_);
    names_.know(kCgroup, "cron.service");
    first_beat_of(1, kCgroup);
    recovery_->tick(clock_.now_ns());
  }
  static Stall of(std::uint32_t uid, Stall stall) {
    stall.uid = uid;
    return stall;
  }
  Recovery::Config config_;
};

TEST_F(OfOneUnit, EachProcessHasThePolicyOfItsUser) {
  on(of(1000, silence_of(1)));
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGKILL}));
  on(of(0, silence_of(2)));
  EXPECT_EQ(means_->acts, 2U);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGKILL})) << "root's is not signalled";
}

TEST_F(OfOneUnit, AnothersPolicyDoesNotDecideWhatIsAFailure) {
  on(of(1000, silence_of(1)));
  on(of(0, crash_of(2)));
  pass(kSecond);
  EXPECT_EQ(means_->acts, 2U);
}

TEST_F(OfOneUnit, WhoMatchesNoPolicyIsLeftAlone) {
  on(of(1000, silence_of(1)));
  on(of(7, silence_of(3)));
  for (int i = 0; i < 10; ++i) pass(kSecond);
  EXPECT_EQ(std::count(log_.begin(), log_.end(), "act 3"), 0);
  EXPECT_EQ(count(RecoveryOutcome::Spawned), 1U) << "of process 1 alone";
}

class OfOneName : public RecoveryFlow {
 protected:
  OfOneName() {
    ServicePolicy workers;
    workers.name = "workers";
    workers.match.comm = Glob("work*");
    workers.threshold_ns = 30 * kSecond;
    workers.steps = {kKill};
    Recovery::Config config;
    config.services.policies = Policies({workers});
    restart(config);
    names_.know(kCgroup, "a.service");
  }
  static Stall called(const char* comm, Stall stall) {
    stall.comm = Comm(comm);
    return stall;
  }
  void beats(std::uint32_t pid, const char* comm, bool is_first) {
    Beat beat = beat_of(pid, 5, clock_.now_ns());
    beat.first_or_changed = true;
    beat.is_first = is_first;
    beat.cgroup_id = kCgroup;
    beat.comm = Comm(comm);
    recovery_->hear(beat);
    recovery_->tick(clock_.now_ns());
  }
};

TEST_F(OfOneName, HasItsPolicy) {
  beats(1, "worker", true);
  beats(2, "master", true);
  on(called("master", silence_of(2)));
  on(called("", silence_of(3)));
  EXPECT_EQ(means_->acts, 0U);
  on(called("worker", silence_of(1)));
  EXPECT_EQ(means_->signals, std::vector<int>{SIGKILL});
}

TEST_F(OfOneName, HasItsThreshold) {
  beats(1, "worker", true);
  beats(2, "master", true);
  EXPECT_EQ(listener_.thresholds.size(), 1U);
  EXPECT_EQ(recovery_->threshold_ns(kCgroup, {1, 5}, {0U, Comm("worker")}), 30 * kSecond);
  EXPECT_EQ(recovery_->threshold_ns(kCgroup, {2, 5}, {0U, Comm("master")}), 0U);
}

// It was down for good, as its beats were no longer those of the service.
TEST_F(OfOneName, IsHealthyAgainThoughTheProcessHasChangedItsName) {
  beats(1, "worker", true);
  on(called("worker", silence_of(1)));
  EXPECT_EQ(listener_.changes, Log{"a.service went_down"});
  end_with(RecoveryOutcome::Signalled, 1);
  beats(1, "idle", false);
  for (int i = 0; i < 20; ++i) pass(kSecond);
  EXPECT_EQ(listener_.changes.back(), "a.service recovered");
}

// An attempt fails a minute: the budgets of all would allow it, and its own does not.
class OfAServicesBudget : public RecoveryFlow {
 protected:
  OfAServicesBudget() {
    ServicePolicy own;
    own.match.unit = Glob("a.service");
    own.rules.attempts = 100;
    own.budget = {.acts = 2, .window_ns = 3600 * kSecond};
    own.steps = {kAnyStep};
    ServicePolicy other = own;
    other.match.unit = Glob("b.service");
    other.budget.reset();
    Recovery::Config config;
    config.services.policies = Policies({own, other});
    restart(config);
    names_.know(kCgroup, "a.service");
    names_.know(kCgroupAfterwards, "b.service");
    first_beat_of(1, kCgroup);
    first_beat_of(2, kCgroupAfterwards);
    recovery_->tick(clock_.now_ns());
  }
  // Fails once a minute, for as long.
  void fail(std::uint32_t pid, int minutes) {
    for (int i = 0; i < minutes; ++i) {
      pass(60 * kSecond);
      end_with(RecoveryOutcome::CompletedNonzero, pid);
    }
  }
};

TEST_F(OfAServicesBudget, LimitsItsAttempts) {
  on(silence_of(1));
  fail(1, 30);
  EXPECT_EQ(means_->acts, 2U);
  EXPECT_EQ(count(RecoveryRefusal::ServiceBudgetExhausted), 1U) << "told once";
  fail(1, 40);
  EXPECT_EQ(means_->acts, 4U) << "an hour later there is more of it";
}

TEST_F(OfAServicesBudget, DoesNotLimitOthers) {
  on(silence_of(1));
  fail(1, 5);
  Stall other = silence_of(2);
  other.cgroup_id = kCgroupAfterwards;
  on(other);
  fail(2, 5);
  EXPECT_GT(means_->acts, 4U);
}

// It was healthy for ten minutes: that alone makes no new budget.
TEST_F(OfAServicesBudget, IsRememberedWhileItIsHealthy) {
  for (int i = 0; i < 3; ++i) {
    on(silence_of(1));
    end_with(RecoveryOutcome::CompletedZero, 1);
    Beat again = beat_of(1, 5, clock_.now_ns());
    again.first_or_changed = true;
    again.cgroup_id = kCgroup;
    recovery_->hear(again);
    for (int second = 0; second < 600; second += 10) pass(10 * kSecond);
  }
  EXPECT_EQ(means_->acts, 2U);
  EXPECT_EQ(count(RecoveryRefusal::ServiceBudgetExhausted), 1U);
}

class OfThresholds : public RecoveryFlow {
 protected:
  using Seen = std::vector<std::pair<std::uint32_t, std::uint64_t>>;

  OfThresholds() {
    ServicePolicy slow;
    slow.match.unit = Glob("slow.service");
    slow.threshold_ns = 30 * kSecond;
    slow.steps = {kAnyStep};
    Recovery::Config config;
    config.services.policies = Policies({slow});
    restart(config);
  }
};

TEST_F(OfThresholds, AreToldAtTheFirstBeat) {
  names_.know(kCgroup, "slow.service");
  first_beat_of(1, kCgroup);
  EXPECT_EQ(listener_.thresholds, Seen{}) << "nobody knows yet whose it is";
  recovery_->tick(clock_.now_ns());
  EXPECT_EQ(listener_.thresholds, (Seen{{1, 30 * kSecond}}));
  first_beat_of(2, kCgroup);
  EXPECT_EQ(listener_.thresholds, (Seen{{1, 30 * kSecond}, {2, 30 * kSecond}}));
}

// Five users' new processes, more than can be held until their cgroups are known.
TEST_F(OfThresholds, LeaveRoomForFailures) {
  for (std::uint32_t pid = 1; pid <= 5000; ++pid) {
    Beat beat = beat_of(pid, 5, clock_.now_ns(), 1000 + pid % 5);
    beat.first_or_changed = beat.is_first = true;
    beat.cgroup_id = kCgroup;
    recovery_->hear(beat);
  }
  first_beat_of(6000, kCgroupAfterwards);
  Stall silent = silence_of(6000);
  silent.cgroup_id = kCgroupAfterwards;
  silent.uid = 0;
  on(silent);
  EXPECT_EQ(count(RecoveryRefusal::DebounceFull), 0U);
  names_.know(kCgroupAfterwards, "slow.service");
  recovery_->tick(clock_.now_ns());
  EXPECT_EQ(listener_.changes, Log{"slow.service went_down"});
}

TEST_F(OfThresholds, AreNotToldOfOthers) {
  names_.know(kCgroup, "other.service");
  first_beat_of(1, kCgroup);
  first_beat_of(2);
  recovery_->tick(clock_.now_ns());
  EXPECT_EQ(listener_.thresholds, Seen{});
  EXPECT_EQ(recovery_->threshold_ns(kCgroup, {1, 5}, {0U, {}}), 0U);
}

TEST_F(OfThresholds, AreAskedForAnewWithNewPolicies) {
  names_.know(kCgroup, "slow.service");
  first_beat_of(1, kCgroup);
  recovery_->tick(clock_.now_ns());
  EXPECT_EQ(recovery_->threshold_ns(kCgroup, {1, 5}, {0U, {}}), 30 * kSecond);
  recovery_->replace_policies(with_steps({kAnyStep}));
  EXPECT_EQ(recovery_->threshold_ns(kCgroup, {1, 5}, {0U, {}}), 0U);
}

// --- Policies that are read anew ---

// A service that had been healthy for less than six times stable-ms kept the old one.
TEST_F(RecoveryFlow, AHealthyServiceHasTheNewPolicy) {
  Recovery::Config config;
  config.services.policies = with_steps({kAbort});
  restart(config);
  on_stall_of(7);
  end_with(RecoveryOutcome::Signalled, 7);
  Beat again = beat_of(7, 5, clock_.now_ns());
  again.first_or_changed = true;
  recovery_->hear(again);
  pass(10 * kSecond);
  ASSERT_EQ(listener_.changes.back(), "process 7 recovered");
  recovery_->replace_policies(with_steps({kKill}));
  on_stall_of(7);
  pass(10 * kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT, SIGKILL}));
}

// An administrator removes what does harm, and sends SIGHUP: it was done once more.
TEST_F(RecoveryFlow, WhatIsGivenUpIsNotTriedByAPolicyThatIsGone) {
  means_->refuses = RecoveryRefusal::GenerationUnproven;
  on_stall_of(7);
  ASSERT_EQ(listener_.changes.back(), "process 7 given_up");
  means_->refuses.reset();
  ServicePolicy other;
  other.match.unit = Glob("a.service");
  other.steps = {kAnyStep};
  recovery_->replace_policies(Policies({other}));
  recovery_->reset();
  pass(60 * kSecond);
  EXPECT_EQ(means_->acts, 0U);
}

TEST_F(RecoveryFlow, AServiceThatIsDownKeepsItsPolicy) {
  Recovery::Config config;
  config.services.policies = with_steps({kAbort, kKill});
  restart(config);
  on_stall_of(7);
  recovery_->replace_policies(Policies());
  end_with(RecoveryOutcome::Signalled, 7);
  pass(5 * kSecond);
  EXPECT_EQ(means_->signals, (std::vector<int>{SIGABRT, SIGKILL}));
}

// --- Budgets ---

TEST_F(RecoveryFlow, SaysOnceThatTheBudgetIsExhausted) {
  on_stall_of(1);
  on_stall_of(2);
  EXPECT_EQ(on_stall_of(3).front(), "tell exhausted");
  EXPECT_EQ(on_stall_of(4).front(), "tell refused budget_exhausted");
  EXPECT_EQ(count(RecoveryRefusal::BudgetExhausted), 2U);
  EXPECT_EQ(pass(60 * kSecond).back(), "tell spawned");
  EXPECT_EQ(on_stall_of(5).front(), "tell exhausted") << "the next exhaustion is another one";
}

TEST_F(RecoveryFlow, SaysOnceThatAUsersBudgetIsExhausted) {
  Recovery::Config config;
  config.policy.budget_per_uid = {.acts = 1, .window_ns = 60 * kSecond};
  restart(config);
  on(stall_of(1, 5, 1000));
  EXPECT_EQ(on(stall_of(2, 5, 1000)).front(), "tell exhausted for 1000");
  EXPECT_EQ(on(stall_of(3, 5, 1000)).front(), "tell refused uid_budget_exhausted");
  EXPECT_EQ(on(stall_of(4, 5, 1001)).back(), "tell spawned") << "others have theirs";
  EXPECT_EQ(count(RecoveryRefusal::UidBudgetExhausted), 2U);
  EXPECT_EQ(pass(60 * kSecond).back(), "tell spawned");
  EXPECT_EQ(on(stall_of(5, 5, 1000)).front(), "tell exhausted for 1000") << "it is another one";
}

TEST_F(RecoveryFlow, ReportsAnActThatTakesItsTimeWhenItHasEnded) {
  means_->outcome.reset();
  EXPECT_EQ(on_stall_of(7), (Log{"record spawn 7", "act 7"}));
  means_->ended.push_back(RecoveryReport{RecoveryOutcome::Signalled, stall_of(7)});
  recovery_->tick(clock_.now_ns());
  EXPECT_EQ(log_, (Log{"tell signalled", "record signalled 7"}));
}

TEST_F(RecoveryFlow, CountsAnActThatTheKernelDeniedAsARefusal) {
  means_->outcome.reset();
  on_stall_of(7);
  means_->ended.push_back(
      DeniedAct{RecoveryRefusal::CredentialsChanged, stall_of(7), clock_.now_ns()});
  recovery_->tick(clock_.now_ns());
  EXPECT_EQ(log_,
            (Log{"tell refused credentials_changed", "record refused credentials_changed 7"}));
  EXPECT_EQ(count(RecoveryRefusal::CredentialsChanged), 1U);
}

TEST_F(RecoveryFlow, ActsLoudlyWithoutARecord) {
  trail_.fails = true;
  EXPECT_EQ(on_stall_of(7), (Log{"tell without audit: the disk is full", "act 7", "tell spawned"}));
  EXPECT_EQ(on_stall_of(8), (Log{"act 8", "tell spawned"})) << "said once";
  EXPECT_EQ(recovery_->counters().unaudited, 2U);
}

TEST_F(RecoveryFlow, DoesNotActWithoutARecordThatIsRequired) {
  Recovery::Config config;
  config.audit_required = true;
  restart(config);
  trail_.fails = true;
  EXPECT_EQ(on_stall_of(7),
            (Log{"tell without audit: the disk is full", "tell refused audit_unavailable"}));
  EXPECT_EQ(count(RecoveryRefusal::AuditUnavailable), 1U);
  trail_.fails = false;
  EXPECT_EQ(pass(kSecond).back(), "tell spawned") << "and nothing was spent on it";
}

TEST_F(RecoveryFlow, PutsItsStartOnRecord) {
  EXPECT_TRUE(recovery_->begin());
  EXPECT_EQ(log_, Log{"record boot"});
}

TEST_F(RecoveryFlow, DoesNotStartWithoutARecordThatIsRequired) {
  trail_.fails = true;
  EXPECT_TRUE(recovery_->begin()) << "not required";
  Recovery::Config config;
  config.audit_required = true;
  restart(config);
  EXPECT_FALSE(recovery_->begin());
}

TEST_F(RecoveryFlow, NeedsNoTrail) {
  auto means = std::make_unique<FakeMeans>(log_);
  Recovery::Config config;
  config.policy.observer_ns_inode = kHome;
  config.services.policies = with_steps({kAnyStep});
  Recovery recovery(config, std::move(means), nullptr, clock_, nullptr, listener_);
  EXPECT_TRUE(recovery.begin());
  recovery.handle(stall_of(7));
  EXPECT_EQ(log_, (Log{"act 7", "tell spawned"}));
  EXPECT_EQ(recovery.counters().unaudited, 0U);
}

// A record takes the disk's time, and a refusal costs whoever causes it nothing.
TEST_F(RecoveryFlow, PutsOnlySoManyRefusalsASecondOnRecord) {
  const auto stranger = [](std::uint32_t pid) {
    Stall stall = stall_of(pid, 5, 0);
    stall.origin = BeatOrigin::NetworkUnverified;
    return stall;
  };
  for (std::uint32_t pid = 1; pid <= 1000; ++pid) on(stranger(pid));
  EXPECT_EQ(trail_.records.size(), 20U);
  EXPECT_EQ(count(RecoveryRefusal::OriginUnattested), 1000U);
  EXPECT_EQ(recovery_->counters().unrecorded, 980U);
  EXPECT_EQ(on_stall_of(1001).front(), "record spawn 1001") << "an act is always on record";
  clock_.advance(kSecond);
  EXPECT_EQ(on(stranger(1002)).back(), "record refused origin_unattested 1002");
}

TEST_F(RecoveryFlow, ForgetsAProcessThatHasExited) {
  Stall exited = stall_of(7);
  exited.cause = StallCause::Exited;
  EXPECT_EQ(on(exited).back(), "forget 7");
  EXPECT_NE(on_stall_of(8).back(), "forget 8");
}

TEST_F(RecoveryFlow, SaysOnceThatAnAgentCouldNotBePreparedFor) {
  means_->unprepared = true;
  recovery_->hear(beat_of(7, 1, 1));
  recovery_->hear(beat_of(8, 1, 1));
  EXPECT_EQ(log_, Log{"tell unprepared: no descriptor"});
  EXPECT_EQ(recovery_->counters().unprepared, 2U);
}

TEST_F(RecoveryFlow, BeginsNothingOnceItEnds) {
  recovery_->finish(0);
  EXPECT_EQ(on_stall_of(7).front(), "tell refused shutting_down");
}

}  // namespace
}  // namespace hb::test
