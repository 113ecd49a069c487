// From a stall to an act: what is recorded when, counted and told, and what happens without a
// record or a budget.
#include "tests/recovery/recovery_fixture.hpp"

namespace hb::test {
namespace {

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

// A pid of another host that is also a pid here.
TEST_F(RecoveryFlow, NothingOfAnotherHostIsActedUpon) {
  Stall remote = stall_of(7, 0);
  remote.origin = BeatOrigin::OperatorAttestedTransport;
  remote.pid_ns_inode.reset();
  remote.host.bytes[0] = 1;
  EXPECT_EQ(on(remote), (Log{"tell refused remote_host", "record refused remote_host 7"}));
  EXPECT_EQ(count(RecoveryRefusal::RemoteHost), 1U);
  EXPECT_EQ(pass(3600 * kSecond), Log{}) << "and not later";
}

// It is another process, which a beat of the other host does not bring back.
TEST_F(RecoveryFlow, ABeatOfAnotherHostDoesNotStandForAProcessHere) {
  const auto vouched = [](auto what) {
    what.origin = BeatOrigin::OperatorAttestedTransport;
    what.pid_ns_inode.reset();
    return what;
  };
  const auto recovers = [&](bool is_remote) {
    restart({});
    recovery_->handle(vouched(stall_of(7, 0)));
    means_->ended.push_back(
        RecoveryReport{RecoveryOutcome::CompletedZero, vouched(stall_of(7, 0))});
    recovery_->tick(clock_.now_ns());
    Beat beat = vouched(beat_of(7, 0, 0));
    beat.first_or_changed = beat.is_first = true;
    if (is_remote) beat.host.bytes[0] = 1;
    recovery_->hear(beat);
    pass(3600 * kSecond);
    return recovery_->counters().changes[ServiceNews::Recovered];
  };
  EXPECT_EQ(recovers(false), 1U);
  EXPECT_EQ(recovers(true), 0U);
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
