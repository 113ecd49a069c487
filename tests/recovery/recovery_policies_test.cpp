// Which policy a process goes by, and what becomes of it when the policies are read anew.
#include <algorithm>

#include "tests/recovery/recovery_fixture.hpp"

namespace hb::test {
namespace {

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

// It was restarted again and again, as its first beat came before its later name.
TEST_F(OfOneName, IsHealthyAgainThoughTheProcessIsNamedAfterItsFirstBeat) {
  beats(1, "worker", true);
  on(called("worker", silence_of(1)));
  end_with(RecoveryOutcome::Signalled, 1);
  on(called("worker", crash_of(1)));
  beats(2, "python3", true);
  for (int i = 0; i < 60; ++i) pass(kSecond);
  EXPECT_EQ(listener_.changes.back(), "a.service recovered");
  EXPECT_EQ(means_->acts, 1U);
}

// The other processes of its unit do not hide that it hangs.
TEST_F(OfOneName, IsNotTakenForHealthyByTheBeatOfAnother) {
  Recovery::Config config;
  ServicePolicy workers;
  workers.match.comm = Glob("work*");
  workers.steps = {kKill};
  config.services.policies = Policies({workers});
  config.policy.act_from_ns = clock_.now_ns() + 5 * kSecond;
  restart(config);
  beats(1, "worker", true);
  on(called("worker", silence_of(1)));
  beats(2, "helper", true);
  EXPECT_EQ(means_->acts, 0U);
  pass(10 * kSecond);
  EXPECT_EQ(means_->acts, 1U);
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

}  // namespace
}  // namespace hb::test
