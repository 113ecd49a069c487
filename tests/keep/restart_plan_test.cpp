// When a program is started again, and what its messages say.
#include "keep/restart_plan.hpp"

#include <gtest/gtest.h>

#include "keep/notification.hpp"

namespace hb::keep {
namespace {

constexpr std::uint64_t kMinute_ms = 60'000;

TEST(RestartPlan, DelaysDoubleUpToABound) {
  RestartPlan plan({.restart = Restart::OnFailure, .delay_ms = 100, .start_limit = 0});
  EXPECT_EQ(plan.after({1, 0}), 100U);
  EXPECT_EQ(plan.after({1, 0}), 200U);
  for (int i = 0; i < 100; ++i) (void)plan.after({1, 0});
  EXPECT_EQ(plan.after({1, 0}), 30'000U);
}

TEST(RestartPlan, ADelayOfADayStaysOne) {
  RestartPlan plan({.restart = Restart::OnFailure, .delay_ms = 86'400'000, .start_limit = 0});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(plan.after({1, 0}), 86'400'000U);
}

TEST(RestartPlan, AMinuteOfReadinessBeginsANewRow) {
  RestartPlan plan({.restart = Restart::OnFailure, .delay_ms = 1, .start_limit = 2});
  EXPECT_EQ(plan.after({1, 0}), 1U);
  EXPECT_EQ(plan.after({1, kMinute_ms}), 1U);
  EXPECT_EQ(plan.after({1, kMinute_ms - 1}), std::nullopt);
}

TEST(RestartPlan, WhatStartingAgainCannotMendIsNotStartedAgain) {
  for (const int code : {2, 3}) {
    RestartPlan plan({.restart = Restart::Always, .delay_ms = 1, .start_limit = 0});
    EXPECT_EQ(plan.after({code, 0}), std::nullopt) << code;
  }
}

TEST(Notification, IsForwardedButForWhatConcernsTheKeeperItself) {
  const auto told = parse_notification(
      "READY=1\nMAINPID=7\nSTATUS=well\nSTOPPING=1\nWATCHDOG=1\nFDSTORE=1\nWATCHDOG=trigger\n");
  EXPECT_EQ(told.forwarded, "READY=1\nSTATUS=well\nWATCHDOG=1\n");
  EXPECT_TRUE(told.is_ready);
}

TEST(Notification, NamesWhatIsStored) {
  const auto put = parse_notification("FDSTORE=1\nFDNAME=ring\nFDPOLL=0");
  EXPECT_EQ(put.store, Notification::Store::Put);
  EXPECT_EQ(put.name, "ring");
  EXPECT_EQ(parse_notification("FDSTOREREMOVE=1\nFDNAME=x").store, Notification::Store::Remove);
  EXPECT_EQ(parse_notification("FDSTORE=1").name, "stored");
  EXPECT_EQ(parse_notification("FDNAME=x\n\n=\nXFDSTORE=1").store, Notification::Store::Nothing);
}

}  // namespace
}  // namespace hb::keep
