// Which stalls may be acted upon: gate by gate, and in which order the gates are asked.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "recovery/recovery_policy.hpp"
#include "tests/recovery/stalls.hpp"

namespace hb::test {
namespace {

constexpr std::uint64_t kGrace = 1'000;
constexpr std::uint64_t kDebounce = 100;
constexpr std::uint64_t kWindow = 5'000;
constexpr std::uint64_t kNow = 50'000;

RecoveryPolicy::Config config() {
  RecoveryPolicy::Config config;
  config.observer_ns_inode = kHome;
  config.act_from_ns = kGrace;
  config.debounce_ns = kDebounce;
  config.debounce_capacity = 3;
  config.budget = {.acts = 4, .window_ns = kWindow};
  config.budget_per_uid = {.acts = 100, .window_ns = kWindow};
  return config;
}

std::string words(const Decision& decision) {
  if (const auto* refused = std::get_if<Refused>(&decision)) return name(refused->reason);
  return "act";
}

struct Case {
  std::string what;
  std::string expected;
  void (*change)(RecoveryPolicy::Config&, Stall&);
  std::uint64_t now_ns = kNow;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.what; }

constexpr HostAddress kElsewhere{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7}};

class Gates : public testing::TestWithParam<Case> {};

TEST_P(Gates, Decide) {
  RecoveryPolicy::Config changed = config();
  Stall stall = stall_of(7);
  GetParam().change(changed, stall);
  RecoveryPolicy policy(changed);
  EXPECT_EQ(words(policy.decide(stall, GetParam().now_ns)), GetParam().expected);
}

using Config = RecoveryPolicy::Config;

INSTANTIATE_TEST_SUITE_P(Host, Gates,
                         testing::Values(Case{"of another host", "remote_host",
                                              [](Config&, Stall& s) {
                                                s.origin = BeatOrigin::NetworkUnverified;
                                                s.host = kElsewhere;
                                              }},
                                         Case{"of another host, and the operator vouches",
                                              "remote_host", [](Config& c, Stall& s) {
                                                c.accept_unauthenticated = true;
                                                s.origin = BeatOrigin::OperatorAttestedTransport;
                                                s.pid_ns_inode.reset();
                                                s.generation_ns = 0;
                                                s.host = kElsewhere;
                                              }}));

INSTANTIATE_TEST_SUITE_P(
    Origin, Gates,
    testing::Values(Case{"kernel attested", "act", [](Config&, Stall&) {}},
                    Case{"vouched for, without namespace and generation", "act",
                         [](Config&, Stall& s) {
                           s.origin = BeatOrigin::OperatorAttestedTransport;
                           s.pid_ns_inode.reset();
                           s.generation_ns = 0;
                         }},
                    Case{"socket mode", "origin_unattested",
                         [](Config&, Stall& s) { s.origin = BeatOrigin::SocketModeOnly; }},
                    Case{"socket mode, accepted in words", "act",
                         [](Config& c, Stall& s) {
                           s.origin = BeatOrigin::SocketModeOnly;
                           s.generation_ns = 0;
                           c.accept_unauthenticated = true;
                         }},
                    Case{"network", "origin_unattested",
                         [](Config&, Stall& s) { s.origin = BeatOrigin::NetworkUnverified; }},
                    Case{"network, whatever is accepted", "origin_unattested",
                         [](Config& c, Stall& s) {
                           s.origin = BeatOrigin::NetworkUnverified;
                           c.accept_unauthenticated = true;
                           c.allow_cross_namespace = true;
                         }}));

INSTANTIATE_TEST_SUITE_P(Namespace, Gates,
                         testing::Values(Case{"unknown", "namespace_unknown",
                                              [](Config&, Stall& s) { s.pid_ns_inode.reset(); }},
                                         Case{"unknown, others allowed", "namespace_unknown",
                                              [](Config& c, Stall& s) {
                                                s.pid_ns_inode.reset();
                                                c.allow_cross_namespace = true;
                                              }},
                                         Case{"the observer's own unknown", "namespace_unknown",
                                              [](Config& c, Stall&) { c.observer_ns_inode = 0; }},
                                         Case{"another", "namespace_foreign",
                                              [](Config&, Stall& s) { s.pid_ns_inode = kAway; }},
                                         Case{"another, allowed", "act",
                                              [](Config& c, Stall& s) {
                                                s.pid_ns_inode = kAway;
                                                c.allow_cross_namespace = true;
                                              }},
                                         Case{"another, of a transport vouched for",
                                              "namespace_foreign", [](Config&, Stall& s) {
                                                s.origin = BeatOrigin::OperatorAttestedTransport;
                                                s.pid_ns_inode = kAway;
                                              }}));

INSTANTIATE_TEST_SUITE_P(GenerationAndExit, Gates,
                         testing::Values(Case{"unknown", "generation_unknown",
                                              [](Config&, Stall& s) { s.generation_ns = 0; }},
                                         Case{"unknown, vouched for, signal", "generation_unknown",
                                              [](Config& c, Stall& s) {
                                                s.origin = BeatOrigin::OperatorAttestedTransport;
                                                s.generation_ns = 0;
                                                c.signals = true;
                                              }},
                                         Case{"known, signal", "act",
                                              [](Config& c, Stall&) { c.signals = true; }},
                                         Case{"exited, signal", "already_exited",
                                              [](Config& c, Stall& s) {
                                                c.signals = true;
                                                s.cause = StallCause::Exited;
                                              }},
                                         Case{"exited, command", "act", [](Config&, Stall& s) {
                                                s.cause = StallCause::Exited;
                                              }}));

INSTANTIATE_TEST_SUITE_P(
    Startup, Gates,
    testing::Values(Case{"within", "startup_grace", [](Config&, Stall&) {}, kGrace - 1},
                    Case{"at its end", "act", [](Config&, Stall&) {}, kGrace}));

// Everything is wrong; mended one after the other, in the documented order.
TEST(GateOrder, IsTheDocumentedOne) {
  Config all = config();
  all.signals = true;
  all.debounce_capacity = 0;
  all.budget.acts = 0;
  all.budget_per_uid->acts = 0;
  Stall stall = stall_of(7, 0);
  stall.origin = BeatOrigin::NetworkUnverified;
  stall.pid_ns_inode = kAway;
  stall.cause = StallCause::Exited;
  const auto decide = [&](std::uint64_t now_ns) {
    return words(RecoveryPolicy(all).decide(stall, now_ns));
  };
  EXPECT_EQ(decide(0), "origin_unattested");
  stall.origin = BeatOrigin::KernelAttested;
  EXPECT_EQ(decide(0), "namespace_foreign");
  stall.pid_ns_inode = kHome;
  EXPECT_EQ(decide(0), "generation_unknown");
  stall.generation_ns = 5;
  EXPECT_EQ(decide(0), "already_exited");
  stall.cause = StallCause::Silence;
  EXPECT_EQ(decide(0), "startup_grace");
  EXPECT_EQ(decide(kNow), "debounce_full");
  all.debounce_capacity = 1;
  EXPECT_EQ(decide(kNow), "uid_budget_exhausted");
  all.budget_per_uid->acts = 1;
  EXPECT_EQ(decide(kNow), "budget_exhausted");
  all.budget.acts = 1;
  EXPECT_EQ(decide(kNow), "act");
}

class Policy : public testing::Test {
 protected:
  std::string at(std::uint64_t now_ns, const Stall& stall) {
    const Decision decision = policy_.decide(stall, now_ns);
    if (std::holds_alternative<Act>(decision)) policy_.commit(stall, now_ns);
    return words(decision);
  }

  RecoveryPolicy policy_{config()};
};

TEST_F(Policy, LookingSpendsNothing) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(words(policy_.decide(stall_of(7), kNow)), "act");
}

TEST_F(Policy, DebouncesOneProcessForItsTime) {
  EXPECT_EQ(at(kNow, stall_of(7)), "act");
  EXPECT_EQ(at(kNow, stall_of(7)), "debounced");
  EXPECT_EQ(at(kNow + kDebounce - 1, stall_of(7)), "debounced");
  EXPECT_EQ(at(kNow + kDebounce, stall_of(7)), "act");
}

TEST_F(Policy, DoesNotDebounceTheNextProcessWithThatPidNorAnother) {
  EXPECT_EQ(at(kNow, stall_of(7, 5)), "act");
  EXPECT_EQ(at(kNow, stall_of(7, 6)), "act");
  EXPECT_EQ(at(kNow, stall_of(8, 5)), "act");
}

// A slow restart ends the old process late: its end is the doing of the act, not another reason.
TEST_F(Policy, DebouncesFromTheEndOfALongAct) {
  EXPECT_EQ(at(kNow, stall_of(7)), "act");
  policy_.completed(stall_of(7), kNow + 10 * kDebounce);
  EXPECT_EQ(at(kNow + 11 * kDebounce - 1, stall_of(7)), "debounced");
  EXPECT_EQ(at(kNow + 11 * kDebounce, stall_of(7)), "act");
}

TEST_F(Policy, RefusesWhatItCouldNotRemember) {
  for (std::uint32_t pid = 1; pid <= 3; ++pid) EXPECT_EQ(at(kNow, stall_of(pid)), "act");
  EXPECT_EQ(at(kNow, stall_of(4)), "debounce_full");
  EXPECT_EQ(at(kNow, stall_of(3)), "debounced");
  EXPECT_EQ(at(kNow + kDebounce, stall_of(4)), "act");
}

TEST_F(Policy, KeepsToTheBudgetInEveryWindow) {
  for (std::uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(at(kNow + i * 1000, stall_of(static_cast<std::uint32_t>(i) + 1)), "act");
  }
  EXPECT_EQ(at(kNow + kWindow - 1, stall_of(9)), "budget_exhausted");
  EXPECT_EQ(at(kNow + kWindow, stall_of(9)), "act") << "the first act is a window ago";
  EXPECT_EQ(at(kNow + kWindow, stall_of(10)), "budget_exhausted") << "the second is not";
  EXPECT_EQ(at(kNow + kWindow + 1000, stall_of(10)), "act");
}

TEST_F(Policy, DoesNotChargeTheBudgetForRefusals) {
  Stall stranger = stall_of(1);
  stranger.origin = BeatOrigin::NetworkUnverified;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(at(kNow, stranger), "origin_unattested");
  EXPECT_EQ(at(kNow, stall_of(2)), "act");
}

// --- Budgets by uid ---

class Shares : public testing::Test {
 protected:
  Shares() {
    Config shared = config();
    shared.budget.acts = 8;
    shared.debounce_capacity = 100;
    shared.budget_per_uid.reset();
    policy_.emplace(shared);
  }

  // Of a process that has not been acted upon.
  std::string at(std::uint64_t now_ns, std::optional<std::uint32_t> uid) {
    const Stall stall = stall_of(++pid_, 5, uid);
    const Decision decision = policy_->decide(stall, now_ns);
    if (std::holds_alternative<Act>(decision)) policy_->commit(stall, now_ns);
    return words(decision);
  }
  int acts_at(std::uint64_t now_ns, std::optional<std::uint32_t> uid) {
    int acts = 0;
    while (at(now_ns, uid) == "act") ++acts;
    return acts;
  }

  std::optional<RecoveryPolicy> policy_;
  std::uint32_t pid_ = 0;
};

TEST_F(Shares, AreAQuarterForAUser) {
  EXPECT_EQ(acts_at(kNow, 1000), 2);
  EXPECT_EQ(at(kNow, 1000), "uid_budget_exhausted");
  EXPECT_EQ(acts_at(kNow, 1001), 2) << "whatever others have spent";
}

TEST_F(Shares, AreThreeQuartersForRoot) {
  EXPECT_EQ(acts_at(kNow, 0), 6);
  EXPECT_EQ(acts_at(kNow, 1000), 2);
}

TEST_F(Shares, AreThreeQuartersForAllWhoseUidIsNotKnown) {
  EXPECT_EQ(acts_at(kNow, std::nullopt), 6);
  EXPECT_EQ(at(kNow, std::nullopt), "uid_budget_exhausted");
  EXPECT_EQ(at(kNow, 0), "act") << "they are not root";
}

TEST_F(Shares, DoNotAddUpToMoreThanAllActs) {
  for (std::uint32_t uid = 1000; uid < 1004; ++uid) EXPECT_EQ(acts_at(kNow, uid), 2);
  EXPECT_EQ(at(kNow, 1004), "budget_exhausted");
  EXPECT_EQ(at(kNow, 1000), "uid_budget_exhausted") << "the nearer reason";
}

TEST_F(Shares, ComeBackAfterTheirWindow) {
  EXPECT_EQ(acts_at(kNow, 1000), 2);
  EXPECT_EQ(acts_at(kNow + kWindow - 1, 1000), 0);
  EXPECT_EQ(acts_at(kNow + kWindow, 1000), 2);
}

// Whose process was denied has spent its own share, and nobody else's.
TEST_F(Shares, AreNotGivenBackWhenTheKernelDeniesTheAct) {
  for (std::uint32_t uid = 1000; uid < 1004; ++uid) EXPECT_EQ(acts_at(kNow + uid, uid), 2);
  policy_->denied(kNow + 1000);
  EXPECT_EQ(at(kNow + 1004, 1000), "uid_budget_exhausted");
  EXPECT_EQ(at(kNow + 1004, 1004), "act");
  EXPECT_EQ(at(kNow + 1004, 1004), "budget_exhausted");
}

TEST(UidBudgets, AreNeverLessThanOneAct) {
  for (const std::size_t acts : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
    EXPECT_EQ(UidBudgets::share_of_user({acts, kWindow}).acts, 1U);
    EXPECT_EQ(UidBudgets::share_of_root({acts, kWindow}).acts, std::max<std::size_t>(acts - 1, 1));
  }
  EXPECT_EQ(UidBudgets::share_of_user({10, kWindow}).acts, 2U);
  EXPECT_EQ(UidBudgets::share_of_root({10, kWindow}).acts, 8U);
}

TEST(UidBudgets, HaveAWindowOfTheirOwn) {
  UidBudgets budgets({.user = {1, 10 * kWindow}, .root = {1, kWindow}, .capacity = 10});
  budgets.spend(1000, kNow);
  budgets.spend(0, kNow);
  EXPECT_TRUE(budgets.allows(0, kNow + kWindow));
  EXPECT_FALSE(budgets.allows(1000, kNow + kWindow));
  EXPECT_TRUE(budgets.allows(1000, kNow + 10 * kWindow));
}

// A user for each act would else have each act forgotten before its time.
TEST(UidBudgets, SayWhenTheyCanRememberNoMore) {
  UidBudgets budgets({.user = {1, kWindow}, .root = {1, kWindow}, .capacity = 3});
  for (std::uint32_t uid = 1000; uid < 1003; ++uid) {
    EXPECT_TRUE(budgets.has_room(kNow));
    budgets.spend(uid, kNow);
  }
  EXPECT_FALSE(budgets.has_room(kNow + kWindow - 1));
  EXPECT_FALSE(budgets.allows(1000, kNow + kWindow - 1)) << "and forget none";
  EXPECT_TRUE(budgets.has_room(kNow + kWindow));
}

TEST(ActBudget, AllowsAnotherActForOneThatWasGivenBack) {
  ActBudget budget({.acts = 2, .window_ns = kWindow});
  budget.spend(kNow);
  budget.spend(kNow + 1);
  budget.give_back(kNow);
  EXPECT_TRUE(budget.allows(kNow + 1));
  budget.spend(kNow + 2);
  EXPECT_FALSE(budget.allows(kNow + kWindow)) << "the one that happened still counts";
  EXPECT_TRUE(budget.allows(kNow + kWindow + 1));
}

TEST(Debounce, NeverGrowsPastItsCapacity) {
  DebounceTable table(10, kDebounce, 1);
  for (std::uint32_t pid = 1; pid <= 1000; ++pid) table.note({pid, 1}, kNow + pid / 100);
  EXPECT_EQ(table.size(), 10U);
  EXPECT_TRUE(table.holds({1, 1}, kNow + 50)) << "and forgets nothing before its time";
  EXPECT_FALSE(table.holds({1, 1}, kNow + kDebounce));
}

TEST(Debounce, OfNoTimeHoldsNothing) {
  DebounceTable table(10, 0, 1);
  table.note({1, 1}, kNow);
  EXPECT_FALSE(table.holds({1, 1}, kNow));
}

TEST(Names, AreAllKnownAndDifferent) {
  std::set<std::string> seen;
  for (const auto value : kEnumValues<RecoveryOutcome>) seen.insert(name(value));
  for (const auto value : kEnumValues<RecoveryRefusal>) seen.insert(name(value));
  EXPECT_EQ(seen.size(), kEnumValues<RecoveryOutcome>.size() + kEnumValues<RecoveryRefusal>.size());
}

}  // namespace
}  // namespace hb::test
