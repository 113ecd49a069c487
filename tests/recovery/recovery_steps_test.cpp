// The steps of an attempt: which are taken, when, and which are left out.
#include <map>

#include "tests/recovery/recovery_fixture.hpp"

namespace hb::test {
namespace {

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

// The time is read once for all services, and an act for another one takes its time.
TEST_F(RecoveryAndCoreDumps, ThatBeginMeanwhileAreNotDisturbedEither) {
  dumps_.since[7] = clock_.now_ns() + 1;
  on_stall_of(7);
  EXPECT_EQ(means_->acts, 0U);
}

TEST_F(RecoveryAndCoreDumps, OfOneProcessDoNotKeepOthersFromBeingRecovered) {
  begin_dump_of(7);
  on_stall_of(7);
  on_stall_of(8);
  EXPECT_EQ(means_->acts, 1U);
}

// --- While agents cannot reach the observer ---

class FakeReach final : public Reach {
 public:
  bool is_reachable(std::uint64_t /*now_ns*/) override { return !lost; }
  [[nodiscard]] bool is_lost() const override { return lost; }

  bool lost = false;
};

class RecoveryAndReach : public RecoveryFlow {
 protected:
  RecoveryAndReach() {
    Recovery::Config config;
    config.services.policies = with_steps({kAnyStep});
    config.reach = &reach_;
    restart(config);
  }

  FakeReach reach_;
};

TEST_F(RecoveryAndReach, NothingIsDoneUntilTheyCan) {
  reach_.lost = true;
  EXPECT_EQ(on_stall_of(7),
            (Log{"tell refused observer_unreachable", "record refused observer_unreachable 7"}));
  for (int i = 0; i < 30; ++i) pass(kSecond);
  EXPECT_EQ(means_->acts, 0U);
  reach_.lost = false;
  for (int i = 0; i < 3; ++i) pass(kSecond);
  EXPECT_EQ(means_->acts, 1U);
}

// systemd had started it anew meanwhile, and it could not be heard: it was restarted once more.
TEST_F(RecoveryAndReach, AServiceThatIsBackIsLeftAlone) {
  names_.know(kCgroup, "a.service");
  first_beat_of(7, kCgroup);
  recovery_->tick(clock_.now_ns());
  reach_.lost = true;
  on(crash_of(7));
  for (int i = 0; i < 10; ++i) pass(kSecond);
  reach_.lost = false;
  pass(kSecond / 2);
  EXPECT_EQ(means_->acts, 0U);
  first_beat_of(8, kCgroup);
  for (int i = 0; i < 10; ++i) pass(kSecond);
  EXPECT_EQ(means_->acts, 0U);
  EXPECT_EQ(listener_.changes, (Log{"a.service went_down", "a.service recovered_elsewhere"}));
}

// Its first beat cannot come: the attempt has not failed by that.
TEST_F(RecoveryAndReach, ARestartedAgentHasMoreTime) {
  names_.know(kCgroup, "a.service");
  first_beat_of(7, kCgroup);
  recovery_->tick(clock_.now_ns());
  on(crash_of(7));
  pass(2 * kSecond);
  ASSERT_EQ(means_->acts, 1U);
  end_with(RecoveryOutcome::CompletedZero, 7);
  reach_.lost = true;
  for (int i = 0; i < 120; ++i) pass(kSecond);
  reach_.lost = false;
  EXPECT_EQ(recovery_->counters().changes[ServiceNews::AttemptFailed], 0U);
  first_beat_of(8, kCgroup);
  for (int i = 0; i < 20; ++i) pass(kSecond);
  EXPECT_EQ(listener_.changes, (Log{"a.service went_down", "a.service recovered"}));
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

}  // namespace
}  // namespace hb::test
