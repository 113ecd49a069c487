// The verdict table, row by row. The observer's namespace is `kHome`; `tgid` is the sender's pid
// there, `own_tgid` that in its own namespace.
#include "identity/verdict.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hb {
namespace {

constexpr std::uint32_t kHome = 4026531836;
constexpr std::uint32_t kAway = 4026532177;
constexpr Policy kStrict{.observer_ns_inode = kHome};
constexpr Policy kAllowCross{.observer_ns_inode = kHome, .allow_cross_namespace = true};

Identity native(std::uint32_t pid) {
  return {.tgid = pid, .own_tgid = pid, .pid_ns_inode = kHome, .generation_ns = 1};
}

Identity foreigner(std::uint32_t tgid, std::uint32_t own_tgid) {
  return {.tgid = tgid, .own_tgid = own_tgid, .pid_ns_inode = kAway, .generation_ns = 1};
}

constexpr const char* kCauses[] = {"mismatch", "no stamp", "ambiguous", "kernel thread",
                                   "unreadable"};

// A verdict as a string, for comparison.
std::string words(const Verdict& v) {
  const auto pid = [](std::optional<std::uint32_t> p) { return p ? std::to_string(*p) : "?"; };
  if (const auto* accepted = std::get_if<Accepted>(&v)) {
    return "accepted " + std::to_string(accepted->pid);
  }
  if (const auto* forged = std::get_if<Forged>(&v)) {
    return std::string("forged: ") + kCauses[static_cast<std::size_t>(forged->cause)] + ", by " +
           pid(forged->attested_pid);
  }
  const auto& foreign = std::get<ForeignNamespace>(v);
  return "foreign " + std::to_string(foreign.ns_inode) + ", by " + pid(foreign.attested_pid);
}

std::string judge(std::uint32_t claim, const Attestation& sender, const Policy& policy = kStrict) {
  return words(verdict(claim, sender, policy));
}

TEST(Native, IsAcceptedUnderTheAttestedPid) { EXPECT_EQ(judge(77, native(77)), "accepted 77"); }

TEST(Native, ThatClaimsAnythingElseIsForged) {
  for (const std::uint32_t claim : {0U, 1U, 76U, 78U, 0xFFFFFFFFU}) {
    EXPECT_EQ(judge(claim, native(77)), "forged: mismatch, by 77") << claim;
  }
}

TEST(Native, IsJudgedAlikeWhenCrossingIsAllowed) {
  EXPECT_EQ(judge(77, native(77), kAllowCross), "accepted 77");
  EXPECT_EQ(judge(78, native(77), kAllowCross), "forged: mismatch, by 77");
}

// In the observer's own namespace only the observer's number counts, whatever else is reported.
TEST(Native, IsNotAcceptedUnderAnotherOwnNumber) {
  Identity sender = native(77);
  sender.own_tgid = 12;
  EXPECT_EQ(judge(12, sender), "forged: mismatch, by 77");
}

TEST(Native, ThatCannotBeSeenIsForgedWhateverItClaims) {
  Identity sender = native(0);
  EXPECT_EQ(judge(0, sender), "forged: mismatch, by ?");
  EXPECT_EQ(judge(12, sender), "forged: mismatch, by ?");
  sender.own_tgid = 12;
  EXPECT_EQ(judge(12, sender), "forged: mismatch, by ?");
}

TEST(Foreigner, MayClaimItsOwnPid) {
  EXPECT_EQ(judge(7, foreigner(1077, 7)), "foreign 4026532177, by 1077");
}

TEST(Foreigner, MayClaimItsPidInTheObserversNamespace) {
  EXPECT_EQ(judge(1077, foreigner(1077, 7)), "foreign 4026532177, by 1077");
}

TEST(Foreigner, ThatClaimsAnythingElseIsForgedAlsoByPolicy) {
  for (const std::uint32_t claim : {0U, 8U, 1076U}) {
    EXPECT_EQ(judge(claim, foreigner(1077, 7)), "forged: mismatch, by 1077");
    EXPECT_EQ(judge(claim, foreigner(1077, 7), kAllowCross), "forged: mismatch, by 1077");
  }
}

TEST(Foreigner, IsAcceptedByPolicyUnderItsPidInTheObserversNamespace) {
  EXPECT_EQ(judge(7, foreigner(1077, 7), kAllowCross), "accepted 1077");
  EXPECT_EQ(judge(1077, foreigner(1077, 7), kAllowCross), "accepted 1077");
}

// It could not be signalled, so policy cannot accept it.
TEST(Foreigner, WithoutAPidInTheObserversNamespaceIsNeverAccepted) {
  EXPECT_EQ(judge(7, foreigner(0, 7)), "foreign 4026532177, by ?");
  EXPECT_EQ(judge(7, foreigner(0, 7), kAllowCross), "foreign 4026532177, by ?");
}

TEST(Foreigner, WithoutAPidInTheObserversNamespaceMayBeAForger) {
  EXPECT_EQ(judge(8, foreigner(0, 7), kAllowCross), "forged: mismatch, by ?");
}

TEST(Foreigner, UnknownPidsAreNotMatchedByZero) {
  EXPECT_EQ(judge(0, foreigner(0, 0)), "forged: mismatch, by ?");
  EXPECT_EQ(judge(0, foreigner(0, 0), kAllowCross), "forged: mismatch, by ?");
}

TEST(Foreigner, WithoutAKnownOwnPidMayClaimTheOtherOnly) {
  EXPECT_EQ(judge(1077, foreigner(1077, 0)), "foreign 4026532177, by 1077");
  EXPECT_EQ(judge(7, foreigner(1077, 0)), "forged: mismatch, by 1077");
}

// Pid 1 of a container, and nobody else: a frame that claims it names another process everywhere
// else, which recovery could signal.
TEST(Init, OfAnotherNamespaceMayBeClaimedByItselfWherePolicyAllowsIt) {
  EXPECT_TRUE(may_claim_init(foreigner(77, 1), kAllowCross));
  EXPECT_EQ(judge(1, foreigner(77, 1), kAllowCross), "accepted 77");
}

TEST(Init, MayNotBeClaimedOtherwise) {
  EXPECT_FALSE(may_claim_init(foreigner(77, 1), kStrict));
  EXPECT_FALSE(may_claim_init(foreigner(77, 2), kAllowCross));
  EXPECT_FALSE(may_claim_init(foreigner(77, 0), kAllowCross));
  EXPECT_FALSE(may_claim_init(foreigner(0, 1), kAllowCross)) << "it has no pid here";
  EXPECT_FALSE(may_claim_init(foreigner(1, 1), kAllowCross)) << "it is ours";
  EXPECT_FALSE(may_claim_init(native(1), kAllowCross));
  EXPECT_FALSE(may_claim_init(native(77), kAllowCross));
  EXPECT_FALSE(may_claim_init(ClaimOnly{}, kAllowCross));
  EXPECT_FALSE(may_claim_init(Unattested::NoStamp, kAllowCross));
  Identity of_unknown = foreigner(77, 1);
  of_unknown.pid_ns_inode = 0;
  EXPECT_FALSE(may_claim_init(of_unknown, kAllowCross));
  EXPECT_FALSE(may_claim_init(foreigner(77, 1), {.allow_cross_namespace = true}));
}

TEST(ClaimOnly, AcceptsTheClaimedPid) {
  EXPECT_EQ(judge(77, ClaimOnly{}), "accepted 77");
  EXPECT_EQ(judge(kPidLimit - 1, ClaimOnly{}, Policy{}), "accepted 4194303");
}

// As a signed number, some of these would mean a process group, or all processes, to kill(2).
TEST(ClaimOnly, IsForgedWhenNoProcessCanHaveThatNumber) {
  for (const std::uint32_t claim : {0U, kPidLimit, 0x80000000U, 0xFFFFFFFFU}) {
    EXPECT_EQ(judge(claim, ClaimOnly{}), "forged: mismatch, by ?") << claim;
  }
}

TEST(UnknownObserverNamespace, MakesEveryNamespaceAnotherOne) {
  EXPECT_EQ(judge(77, native(77), Policy{}), "foreign 4026531836, by 77");
  EXPECT_EQ(judge(78, native(77), Policy{}), "forged: mismatch, by 77");
}

TEST(UnknownObserverNamespace, DoesNotEqualAnUnknownNamespaceOfTheSender) {
  Identity sender = native(77);
  sender.pid_ns_inode = 0;
  EXPECT_EQ(judge(77, sender, Policy{}), "foreign 0, by 77");
  EXPECT_EQ(judge(77, sender), "foreign 0, by 77");
}

TEST(Unattested, IsForgedWithItsCauseAndNobodyNamed) {
  for (const Policy& policy : {kStrict, kAllowCross, Policy{}}) {
    EXPECT_EQ(judge(77, Unattested::NoStamp, policy), "forged: no stamp, by ?");
    EXPECT_EQ(judge(77, Unattested::AmbiguousStamp, policy), "forged: ambiguous, by ?");
    EXPECT_EQ(judge(77, Unattested::KernelThread, policy), "forged: kernel thread, by ?");
    EXPECT_EQ(judge(77, Unattested::Unreadable, policy), "forged: unreadable, by ?");
  }
}

// For every combination of small numbers: an accepted frame is accepted under the pid in the
// observer's namespace, and claimed one of the sender's own pids.
TEST(Accepted, IsAlwaysTheAttestedPidHonestlyClaimed) {
  for (std::uint32_t bits = 0; bits < 4 * 4 * 4 * 3 * 2; ++bits) {
    const std::uint32_t claim = bits % 4;
    const Identity sender{.tgid = bits / 4 % 4,
                          .own_tgid = bits / 16 % 4,
                          .pid_ns_inode = std::vector{0U, kHome, kAway}[bits / 64 % 3]};
    const auto v = verdict(claim, sender, bits >= 192 ? kAllowCross : kStrict);
    const auto* accepted = std::get_if<Accepted>(&v);
    if (accepted == nullptr) continue;
    EXPECT_NE(accepted->pid, 0U);
    EXPECT_EQ(accepted->pid, sender.tgid);
    EXPECT_TRUE(claim == sender.tgid || claim == sender.own_tgid);
    EXPECT_TRUE(sender.pid_ns_inode == kHome || bits >= 192);
  }
}

}  // namespace
}  // namespace hb
