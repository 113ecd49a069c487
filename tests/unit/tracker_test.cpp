#include "observer/tracker.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

namespace hb {
namespace {

constexpr std::uint64_t kThreshold = 100;
constexpr std::uint64_t kTerminal = vlp::kTerminalNonce;
constexpr std::uint64_t kTop = ~std::uint64_t{0};
constexpr std::uint64_t kWindow = std::uint64_t{1} << 20;
constexpr auto kNetwork = BeatOrigin::NetworkUnverified;
constexpr auto kKernel = BeatOrigin::KernelAttested;

std::string words(const Tracker::Outcome& outcome) {
  struct {
    std::string operator()(Tracker::Inserted /*o*/) { return "inserted"; }
    std::string operator()(Tracker::Refreshed r) { return r.changed ? "changed" : "refreshed"; }
    std::string operator()(Tracker::Restarted /*o*/) { return "restarted"; }
    std::string operator()(Tracker::OutOfOrder /*o*/) { return "out of order"; }
    std::string operator()(Tracker::OriginConflict c) {
      return std::string("origin conflict with ") + name(c.slot_origin);
    }
    std::string operator()(Tracker::NamespaceConflict c) {
      return "namespace conflict with " + std::to_string(c.slot_ns_inode);
    }
    std::string operator()(Tracker::Full /*o*/) { return "full"; }
  } in_words;
  return std::visit(in_words, outcome);
}

class TrackerTest : public testing::Test {
 protected:
  // Process 7 in namespace 1, started at 50, unless the test says otherwise.
  std::string beat(std::uint64_t nonce, TrackedBeat b = {}) {
    if (b.pid == 0) b.pid = 7;
    b.ns_inode = ns_;
    b.generation_ns = generation_;
    b.nonce = nonce;
    return words(tracker_.record(b, now_));
  }
  std::string beat_of(std::uint32_t pid, std::uint64_t nonce = 1) {
    return beat(nonce, {.pid = pid});
  }
  std::string beat_from(BeatOrigin origin, std::uint64_t nonce) {
    return beat(nonce, {.origin = origin});
  }
  std::string beat_with(vlp::Status status, std::uint64_t nonce) {
    return beat(nonce, {.status = status});
  }
  std::string last_word() { return beat_with(vlp::Status::Critical, kTerminal); }

  // Who is named as stalled now, in this order.
  std::vector<std::uint32_t> stalled() {
    std::vector<std::uint32_t> pids;
    while (const auto stall = tracker_.expire(now_)) pids.push_back(stall->pid);
    return pids;
  }
  std::uint64_t last_nonce_of_the_stalled() {
    now_ += kThreshold;
    return tracker_.expire(now_)->last_nonce;
  }

  using Pids = std::vector<std::uint32_t>;

  std::uint64_t now_ = 1000;
  std::uint32_t ns_ = 1;
  std::uint64_t generation_ = 50;
  Tracker tracker_{4, kThreshold, /*seed=*/1};
};

// --- Beats of one process ---

TEST_F(TrackerTest, TheFirstBeatInsertsAndTheNextRefresh) {
  EXPECT_EQ(beat(1), "inserted");
  EXPECT_EQ(beat(2), "refreshed");
  EXPECT_EQ(tracker_.size(), 1U);
}

TEST_F(TrackerTest, AnyFirstNonceIsFine) { EXPECT_EQ(beat(123456), "inserted"); }

TEST_F(TrackerTest, AnotherStatusIsAChange) {
  beat(1);
  EXPECT_EQ(beat_with(vlp::Status::Degraded, 2), "changed");
  EXPECT_EQ(beat_with(vlp::Status::Degraded, 3), "refreshed");
  EXPECT_EQ(beat_with(vlp::Status::Ok, 4), "changed");
}

TEST_F(TrackerTest, NoncesMayLeap) {
  beat(1);
  EXPECT_EQ(beat(1'000'000), "refreshed");
}

TEST_F(TrackerTest, TheSameAndLowerNoncesAreOutOfOrder) {
  beat(5);
  EXPECT_EQ(beat(5), "out of order");
  EXPECT_EQ(beat(4), "out of order");
  EXPECT_EQ(beat(0), "out of order");
  EXPECT_EQ(beat(6), "refreshed");
}

TEST_F(TrackerTest, OutOfOrderChangesNeitherStatusNorNonce) {
  beat(5);
  EXPECT_EQ(beat_with(vlp::Status::Critical, 4), "out of order");
  EXPECT_EQ(beat_with(vlp::Status::Ok, 6), "refreshed");
}

TEST_F(TrackerTest, OutOfOrderDoesNotPostponeAStall) {
  beat(5);
  now_ += kThreshold - 1;
  beat(5);
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{7});
}

// --- The nonce wraps ---

struct Wrap {
  std::uint64_t last;
  std::uint64_t next;
  const char* outcome;
};
std::ostream& operator<<(std::ostream& out, const Wrap& wrap) {
  return out << wrap.last << " to " << wrap.next;
}

class NonceWrap : public TrackerTest, public testing::WithParamInterface<Wrap> {};

TEST_P(NonceWrap, IsAcceptedFromTheTopWindowToTheBottomOneOnly) {
  beat(GetParam().last);
  EXPECT_EQ(beat(GetParam().next), GetParam().outcome);
}

INSTANTIATE_TEST_SUITE_P(Edges, NonceWrap,
                         testing::Values(Wrap{kTop - 1, 0, "refreshed"},
                                         Wrap{kTop - 1, kWindow, "refreshed"},
                                         Wrap{kTop - 1, kWindow + 1, "out of order"},
                                         Wrap{kTop - kWindow, 0, "refreshed"},
                                         Wrap{kTop - kWindow, kWindow, "refreshed"},
                                         Wrap{kTop - kWindow - 1, 0, "out of order"},
                                         Wrap{kTop - kWindow - 1, kTop - kWindow, "refreshed"},
                                         Wrap{kTop - kWindow, kTop - kWindow, "out of order"}));

TEST_F(TrackerTest, NoncesGoOnFromTheBottomAfterAWrap) {
  beat(kTop - 1);
  beat(0);
  EXPECT_EQ(beat(0), "out of order");
  EXPECT_EQ(beat(1), "refreshed");
}

// --- The terminal nonce ---

TEST_F(TrackerTest, ATerminalBeatIsABeat) {
  beat(1);
  now_ += kThreshold - 1;
  EXPECT_EQ(last_word(), "changed");
  now_ += kThreshold - 1;
  EXPECT_EQ(stalled(), Pids{});
}

TEST_F(TrackerTest, ATerminalBeatIsNotTheHighWaterMark) {
  beat(5);
  last_word();
  EXPECT_EQ(beat(5), "out of order");
  EXPECT_EQ(beat(6), "changed");  // critical before
}

TEST_F(TrackerTest, ATerminalBeatMayBeSaidAgain) {
  beat(5);
  last_word();
  EXPECT_EQ(last_word(), "refreshed");
}

TEST_F(TrackerTest, AnyRegularNonceFollowsATerminalThatCameFirst) {
  EXPECT_EQ(last_word(), "inserted");
  last_word();
  EXPECT_EQ(beat(0), "changed");
  EXPECT_EQ(beat(0), "out of order");
}

TEST_F(TrackerTest, AStallNamesTheLastNonceAlsoWhenItIsTerminal) {
  beat(5);
  EXPECT_EQ(last_nonce_of_the_stalled(), 5U);
  last_word();
  EXPECT_EQ(last_nonce_of_the_stalled(), kTerminal);
  beat(6);
  EXPECT_EQ(last_nonce_of_the_stalled(), 6U);
}

// --- Who may speak for a slot ---

TEST_F(TrackerTest, TheFirstOriginWinsEitherWay) {
  beat_from(kKernel, 1);
  EXPECT_EQ(beat_from(kNetwork, 2), "origin conflict with kernel_attested");
  tracker_.record({.pid = 8, .nonce = 1, .origin = kNetwork}, now_);
  EXPECT_EQ(beat_of(8, 2), "origin conflict with network_unverified");
}

TEST_F(TrackerTest, AnOriginConflictChangesNothing) {
  beat_from(kKernel, 5);
  now_ += kThreshold - 1;
  beat_from(kNetwork, 900);
  beat(kTerminal, {.status = vlp::Status::Critical, .origin = kNetwork});
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{7});
  EXPECT_EQ(beat_from(kKernel, 6), "changed");
}

TEST_F(TrackerTest, AnotherOriginNeverRestartsASlotByAnotherGeneration) {
  beat_from(kKernel, 5);
  generation_ = 60;
  EXPECT_EQ(beat_from(kNetwork, 1), "origin conflict with kernel_attested");
  generation_ = 50;
  EXPECT_EQ(beat_from(kKernel, 6), "refreshed");
}

TEST_F(TrackerTest, AYoungerProcessUnderTheSamePidRestartsTheSlot) {
  beat(900);
  generation_ = 60;
  EXPECT_EQ(beat(1), "restarted");
  EXPECT_EQ(beat(2), "refreshed");
  EXPECT_EQ(tracker_.size(), 1U);
}

TEST_F(TrackerTest, ARestartTakesOverNamespaceStatusAndDeadline) {
  beat_with(vlp::Status::Critical, 900);
  now_ += kThreshold - 1;
  generation_ = 60;
  ns_ = 2;
  EXPECT_EQ(beat(1), "restarted");
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{});
  EXPECT_EQ(beat(2), "refreshed");
}

TEST_F(TrackerTest, ARestartForgetsTheNoncesAlsoByATerminal) {
  beat(900);
  generation_ = 60;
  EXPECT_EQ(last_word(), "restarted");
  EXPECT_EQ(beat(1), "changed");
}

// It had the pid before, so it is dead; its frame was only overtaken on the way.
TEST_F(TrackerTest, TheLateWordOfAnOlderProcessIsOutOfOrder) {
  beat(900);
  generation_ = 60;
  beat(1);
  generation_ = 50;
  EXPECT_EQ(beat(901), "out of order");
  EXPECT_EQ(last_word(), "out of order");
  generation_ = 60;
  EXPECT_EQ(beat(2), "refreshed");
}

TEST_F(TrackerTest, AnotherNamespaceOfTheSameProcessIsAConflict) {
  beat(5);
  ns_ = 2;
  EXPECT_EQ(beat(6), "namespace conflict with 1");
  EXPECT_EQ(last_word(), "namespace conflict with 1");
  ns_ = 1;
  EXPECT_EQ(beat(6), "refreshed");
}

TEST_F(TrackerTest, AnotherNamespaceIsAConflictAlsoWhenNoGenerationIsKnown) {
  generation_ = 0;
  beat(5);
  ns_ = 2;
  EXPECT_EQ(beat(6), "namespace conflict with 1");
  generation_ = 60;
  EXPECT_EQ(beat(6), "namespace conflict with 1");
}

TEST_F(TrackerTest, ANamespaceConflictDoesNotPostponeAStall) {
  beat(5);
  now_ += kThreshold - 1;
  ns_ = 2;
  beat(6);
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{7});
}

TEST_F(TrackerTest, WhatABeatDoesNotKnowContradictsNothing) {
  beat(5);
  ns_ = 0;
  generation_ = 0;
  EXPECT_EQ(beat(6), "refreshed");
  EXPECT_EQ(beat(6), "out of order");
}

TEST_F(TrackerTest, WhatASlotDoesNotKnowIsLearnedOnce) {
  ns_ = 0;
  generation_ = 0;
  beat(5);
  ns_ = 1;
  generation_ = 50;
  EXPECT_EQ(beat(6), "refreshed");
  ns_ = 2;
  EXPECT_EQ(beat(7), "namespace conflict with 1");
  generation_ = 60;
  EXPECT_EQ(beat(1), "restarted");
}

TEST_F(TrackerTest, NothingIsLearnedFromABeatOutOfOrder) {
  ns_ = 0;
  beat(5);
  ns_ = 2;
  EXPECT_EQ(beat(5), "out of order");
  ns_ = 1;
  EXPECT_EQ(beat(6), "refreshed");
}

// --- Silence ---

TEST_F(TrackerTest, NobodyIsNamedBeforeTheThreshold) {
  beat(1);
  now_ += kThreshold - 1;
  EXPECT_EQ(stalled(), Pids{});
  now_ += 1;
  EXPECT_EQ(stalled(), Pids{7});
}

TEST_F(TrackerTest, AStallSaysWhatIsKnownOfTheAgent) {
  beat(5);
  now_ += kThreshold;
  const auto stall = tracker_.expire(now_).value();
  EXPECT_EQ(stall.pid, 7U);
  EXPECT_EQ(stall.ns_inode, 1U);
  EXPECT_EQ(stall.last_nonce, 5U);
  EXPECT_EQ(stall.last_ns, 1000U);
  EXPECT_EQ(stall.origin, kKernel);
}

TEST_F(TrackerTest, ASilenceIsNamedOnceAndTheNextOneAgain) {
  beat(1);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
  now_ += 10 * kThreshold;
  EXPECT_EQ(stalled(), Pids{});
  EXPECT_EQ(beat(2), "changed");
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
}

TEST_F(TrackerTest, ABeatOutOfOrderDoesNotEndASilence) {
  beat(5);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
  beat(5);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{});
}

TEST_F(TrackerTest, ARestartEndsASilenceToo) {
  beat(5);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
  generation_ = 60;
  EXPECT_EQ(beat(1), "restarted");
  now_ += kThreshold;
  EXPECT_EQ(stalled(), Pids{7});
}

TEST_F(TrackerTest, StallsComeInTheOrderOfTheLastBeat) {
  for (const std::uint32_t pid : {10U, 11U, 12U, 13U}) beat_of(pid), ++now_;
  beat_of(11, 2), ++now_;
  beat_of(10, 2);
  now_ += kThreshold;
  EXPECT_EQ(stalled(), (Pids{12, 13, 11, 10}));
}

TEST_F(TrackerTest, AnInstantBeforeTheLastBeatsNamesNobody) {
  beat(1);
  EXPECT_FALSE(tracker_.expire(0));
  EXPECT_FALSE(tracker_.expire(now_ - 1));
}

TEST_F(TrackerTest, TheNextDeadlineIsThatOfTheLongestSilent) {
  EXPECT_EQ(tracker_.next_deadline_ns(), Tracker::kNever);
  beat_of(10);
  now_ += 5;
  beat_of(11);
  EXPECT_EQ(tracker_.next_deadline_ns(), 1000 + kThreshold);
  beat_of(10, 2);
  EXPECT_EQ(tracker_.next_deadline_ns(), 1005 + kThreshold);
  now_ += kThreshold;
  stalled();
  EXPECT_EQ(tracker_.next_deadline_ns(), Tracker::kNever);
}

TEST_F(TrackerTest, AThresholdOfForeverIsNeverReached) {
  Tracker patient(4, kTop, 1);
  patient.record({.pid = 7, .nonce = 1}, 1000);
  EXPECT_FALSE(patient.expire(kTop - 1));
  EXPECT_EQ(patient.next_deadline_ns(), Tracker::kNever);
}

// --- Capacity ---

TEST_F(TrackerTest, ANewAgentIsDroppedWhenFullAndTheOthersGoOn) {
  for (const std::uint32_t pid : {10U, 11U, 12U, 13U}) EXPECT_EQ(beat_of(pid), "inserted");
  EXPECT_EQ(beat_of(14), "full");
  EXPECT_EQ(beat_of(13, 2), "refreshed");
  EXPECT_EQ(tracker_.size(), tracker_.capacity());
}

TEST_F(TrackerTest, AStalledAgentKeepsItsSlot) {
  for (const std::uint32_t pid : {10U, 11U, 12U, 13U}) beat_of(pid);
  now_ += kThreshold;
  EXPECT_EQ(stalled().size(), 4U);
  EXPECT_EQ(beat_of(14), "full");
}

TEST(TrackerCapacity, IsBroughtIntoItsBounds) {
  EXPECT_EQ(Tracker(0, 1, 1).capacity(), 1U);
  EXPECT_EQ(Tracker(~std::size_t{0}, 1, 1).capacity(), Tracker::kMaxCapacity);
}

TEST(TrackerCapacity, OfOneTracksOne) {
  Tracker tracker(1, kThreshold, 1);
  EXPECT_EQ(words(tracker.record({.pid = 7, .nonce = 1}, 0)), "inserted");
  EXPECT_EQ(words(tracker.record({.pid = 8, .nonce = 1}, 0)), "full");
  EXPECT_EQ(tracker.expire(kThreshold)->pid, 7U);
}

TEST(AMillionAgents, TakeAtMost64BytesEach) {
  const Tracker tracker(Tracker::kMaxCapacity, kThreshold, 1);
  EXPECT_LE(tracker.reserved_bytes() / Tracker::kMaxCapacity, 64U);
}

TEST(AMillionAgents, AreAllTrackedAndExpireInOrder) {
  Tracker tracker(Tracker::kMaxCapacity, kThreshold, random_seed());
  for (std::uint32_t n = 0; n < Tracker::kMaxCapacity; ++n) {
    ASSERT_EQ(tracker.record({.pid = 2 + 3 * n, .nonce = 1}, n).index(), 0U);
  }
  for (std::uint32_t n = 0; n < Tracker::kMaxCapacity; ++n) {
    ASSERT_EQ(tracker.expire(n + kThreshold)->pid, 2 + 3 * n);
    ASSERT_FALSE(tracker.expire(n + kThreshold));
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
long resident_pages() {
  long size = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident;
}

TEST(AMillionAgents, CostNothingUntilTheyCome) {
  const long before = resident_pages();
  Tracker tracker(Tracker::kMaxCapacity, kThreshold, 1);
  for (std::uint32_t pid = 2; pid < 52; ++pid) tracker.record({.pid = pid, .nonce = 1}, 0);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  EXPECT_LE((resident_pages() - before) * page_bytes, 512 * 1024);
}
#endif

}  // namespace
}  // namespace hb
