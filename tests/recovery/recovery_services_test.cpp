// Which processes are recovered together, and what is remembered of them.
#include <algorithm>

#include "tests/recovery/recovery_fixture.hpp"

namespace hb::test {
namespace {

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

}  // namespace
}  // namespace hb::test
