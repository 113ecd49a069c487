// From a stall to an act: what is recorded when, counted and told, and what happens without a
// record.
#include "recovery/recovery.hpp"

#include <gtest/gtest.h>

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
    config.policy.observer_ns_inode = kHome;
    config.policy.budget = {.acts = 2, .window_ns = 60 * kSecond};
    if (!config.policy.budget_per_uid) {
      config.policy.budget_per_uid = {.acts = 100, .window_ns = 60 * kSecond};
    }
    auto means = std::make_unique<FakeMeans>(log_);
    means_ = means.get();
    recovery_.emplace(config, std::move(means), clock_, &trail_, listener_);
  }

  Log on(const Stall& stall) {
    log_.clear();
    recovery_->handle(stall);
    return std::exchange(log_, {});
  }
  Log on_stall_of(std::uint32_t pid) { return on(stall_of(pid)); }

  std::uint64_t count(RecoveryOutcome outcome) { return recovery_->counters().outcomes[outcome]; }
  std::uint64_t count(RecoveryRefusal reason) { return recovery_->counters().refusals[reason]; }

  Log log_;
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
  on(stall);
  const AuditRecord& record = trail_.records.back();
  EXPECT_EQ(record.pid, 7U);
  EXPECT_EQ(record.generation_ns, 99U);
  EXPECT_EQ(record.cgroup_id, 1234U);
  EXPECT_EQ(record.pid_ns_inode, kHome);
  EXPECT_EQ(record.origin, BeatOrigin::KernelAttested);
  EXPECT_EQ(record.cause, StallCause::Silence);
}

TEST_F(RecoveryFlow, DoesNothingInADryRun) {
  Recovery::Config config;
  config.dry_run = true;
  restart(config);
  EXPECT_EQ(on_stall_of(7), (Log{"record spawn 7 dry", "tell dry_run", "record dry_run 7 dry"}));
  EXPECT_EQ(count(RecoveryOutcome::DryRun), 1U);
  EXPECT_EQ(on_stall_of(7).front(), "tell refused debounced") << "but all gates are in force";
}

TEST_F(RecoveryFlow, RecordsARefusal) {
  Stall stranger = stall_of(7);
  stranger.origin = BeatOrigin::NetworkUnverified;
  EXPECT_EQ(on(stranger),
            (Log{"tell refused origin_unattested", "record refused origin_unattested 7"}));
  EXPECT_EQ(count(RecoveryRefusal::OriginUnattested), 1U);
}

// What the means refuse spends neither debounce nor budget.
TEST_F(RecoveryFlow, ActsLaterOnWhatTheMeansRefusedAtFirst) {
  means_->refuses = RecoveryRefusal::TooManyRunning;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(on_stall_of(7).front(), "tell refused too_many_running");
  means_->refuses.reset();
  EXPECT_EQ(on_stall_of(7).back(), "tell spawned");
}

TEST_F(RecoveryFlow, SaysOnceThatTheBudgetIsExhausted) {
  on_stall_of(1);
  on_stall_of(2);
  EXPECT_EQ(on_stall_of(3).front(), "tell exhausted");
  EXPECT_EQ(on_stall_of(4).front(), "tell refused budget_exhausted");
  EXPECT_EQ(count(RecoveryRefusal::BudgetExhausted), 2U);
  clock_.advance(60 * kSecond);
  EXPECT_EQ(on_stall_of(5).back(), "tell spawned");
  on_stall_of(6);
  EXPECT_EQ(on_stall_of(7).front(), "tell exhausted") << "the next exhaustion is another one";
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
  clock_.advance(60 * kSecond);
  on(stall_of(5, 5, 1000));
  EXPECT_EQ(on(stall_of(6, 5, 1000)).front(), "tell exhausted for 1000") << "it is another one";
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
  EXPECT_EQ(on_stall_of(7).back(), "tell spawned") << "and nothing was spent on it";
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
  Recovery recovery(config, std::move(means), clock_, nullptr, listener_);
  EXPECT_TRUE(recovery.begin());
  recovery.handle(stall_of(7));
  EXPECT_EQ(log_, (Log{"act 7", "tell spawned"}));
  EXPECT_EQ(recovery.counters().unaudited, 0U);
}

// A record takes the disk's time, and a refusal costs whoever causes it nothing.
TEST_F(RecoveryFlow, PutsOnlySoManyRefusalsASecondOnRecord) {
  Stall stranger = stall_of(7);
  stranger.origin = BeatOrigin::NetworkUnverified;
  for (int i = 0; i < 1000; ++i) on(stranger);
  EXPECT_EQ(trail_.records.size(), 20U);
  EXPECT_EQ(count(RecoveryRefusal::OriginUnattested), 1000U);
  EXPECT_EQ(recovery_->counters().unrecorded, 980U);
  EXPECT_EQ(on_stall_of(8).front(), "record spawn 8") << "an act is always on record";
  clock_.advance(kSecond);
  EXPECT_EQ(on(stranger).back(), "record refused origin_unattested 7");
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
