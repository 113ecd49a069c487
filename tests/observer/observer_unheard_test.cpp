// Once an agent whose sends were lost in a flood of others was reported as silent, and killed. Such
// an agent is unheard: counted, and not stalled.
#include "tests/observer/fake_attempt_watch.hpp"
#include "tests/observer/fake_exit_watch.hpp"
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

class UnheardTest : public ObserverTest {
 protected:
  static constexpr std::uint32_t kSlot = 3;

  // Agent 7 has beaten once, now; the kernel knows of that attempt.
  UnheardTest() {
    observer_.watch(attempts_);
    hears(1);
    attempts_.attempt(kSlot, 1, now());
  }

  Arrival sent(std::uint64_t nonce, std::uint64_t sent_ns) {
    Identity sender = process(7);
    sender.slot = kSlot;
    sender.sent_ns = sent_ns;
    return arrival({.pid = 7, .nonce = nonce}, sender);
  }
  void hears(std::uint64_t nonce) {
    a_.deliver(sent(nonce, now()));
    poll_all();
  }
  void tries(Unheard reason = Unheard::RingFull) { attempts_.attempt(kSlot, 1, now(), reason); }

  // As a caller that looks at every instant.
  Words for_the_next(std::uint64_t ns) {
    Words said;
    for (; ns > 0; --ns) {
      advance(1);
      for (auto& event : poll_all()) said.push_back(event);
    }
    return said;
  }
  std::uint64_t unheard(Unheard reason) const { return observer_.counters().unheard[reason]; }

  FakeAttemptWatch attempts_;
};

TEST_F(UnheardTest, IsNotSilent) {
  for_the_next(kThreshold / 2);
  tries();
  EXPECT_EQ(for_the_next(kThreshold - 1), Words{});
  EXPECT_GE(unheard(Unheard::RingFull), 1U);
}

TEST_F(UnheardTest, IsCountedByTheReason) {
  for (const Unheard reason :
       {Unheard::RingFull, Unheard::RateLimited, Unheard::Share, Unheard::QueueFull}) {
    for_the_next(kThreshold - 1);
    tries(reason);
    for_the_next(1);
    EXPECT_GE(unheard(reason), 1U) << name(reason);
  }
}

TEST_F(UnheardTest, IsNotSilentWhileItAttempts) {
  for (int i = 0; i < 100; ++i) {
    for_the_next(kThreshold / 2);
    tries();
  }
  EXPECT_EQ(observer_.counters().stalls, 0U);
}

TEST_F(UnheardTest, IsSilentOnceItStopsAttempting) {
  for_the_next(kThreshold / 2);
  tries();
  EXPECT_EQ(for_the_next(kThreshold + kThreshold / 4), Words{"stall 7/1"});
}

TEST_F(UnheardTest, IsFoundSilentWithinAQuarterOfAThresholdAfterwards) {
  for (int i = 0; i < 37; ++i) {
    for_the_next(kThreshold / 3);
    tries();
  }
  EXPECT_EQ(for_the_next(kThreshold - 1), Words{});
  EXPECT_EQ(for_the_next(1 + kThreshold / 4), Words{"stall 7/1"});
}

TEST_F(UnheardTest, StallsWithItsLastBeatAndNotItsLastAttempt) {
  for_the_next(kThreshold / 2);
  tries();
  advance(2 * kThreshold);
  EXPECT_EQ(poll_for<Stall>().last_ns, 0U);
}

TEST_F(UnheardTest, MayBeatAgain) {
  for_the_next(kThreshold / 2);
  tries();
  for_the_next(kThreshold - 1);
  hears(2);
  attempts_.attempt(kSlot, 1, now());
  EXPECT_EQ(for_the_next(kThreshold - 1), Words{});
  EXPECT_EQ(for_the_next(1), Words{"stall 7/2"});
}

TEST_F(UnheardTest, ItsExitIsReported) {
  FakeExitWatch exits;
  observer_.watch(exits);
  for_the_next(kThreshold / 2);
  tries();
  for_the_next(kThreshold);
  exits.end({.pid = 7, .generation_ns = 1, .at_ns = now(), .status = {}});
  EXPECT_EQ(for_the_next(kThreshold), Words{"exit 7/1"});
}

// An agent whose last attempt was lost ended just before it was checked. Its entry was gone, so it
// was reported as silent, and then as ended.
TEST_F(UnheardTest, IsNotSilentWhileItsExitIsNotDue) {
  FakeExitWatch exits;
  observer_.watch(exits);
  for_the_next(kThreshold / 2);
  tries();
  for_the_next(kThreshold / 2 - 1);
  advance(1);
  exits.end({.pid = 7, .generation_ns = 1, .at_ns = now(), .status = {}});
  attempts_.attempt(kSlot, /*generation_ns=*/2, now());
  EXPECT_EQ(poll_all(), Words{});
  EXPECT_EQ(for_the_next(kThreshold), Words{"exit 7/1"});
}

// --- What is no attempt that failed ---

TEST_F(UnheardTest, AnAgentWhoseBeatsArriveIsNotUnheard) {
  EXPECT_EQ(for_the_next(kThreshold), Words{"stall 7/1"});
  EXPECT_EQ(observer_.counters().unheard.sum(), 0U);
}

// The same nonce repeatedly: the frames arrive, and are refused.
TEST_F(UnheardTest, AnAgentWithFramesOutOfOrderIsNotUnheard) {
  hears(5);
  for_the_next(kThreshold / 2);
  tries();
  hears(5);
  EXPECT_EQ(for_the_next(kThreshold / 2), Words{"stall 7/5"});
}

TEST_F(UnheardTest, AnAgentWithInvalidFramesIsNotUnheard) {
  for_the_next(kThreshold / 2);
  tries();
  Arrival broken = sent(2, now());
  broken.bytes.back() ^= 1;
  a_.deliver(broken);
  EXPECT_EQ(poll(), "BadCrc");
  EXPECT_EQ(for_the_next(kThreshold / 2), Words{"stall 7/1"});
}

TEST_F(UnheardTest, AnotherProcessInTheSlotDoesNotCount) {
  for_the_next(kThreshold / 2);
  attempts_.attempt(kSlot, 2, now());
  EXPECT_EQ(for_the_next(kThreshold / 2), Words{"stall 7/1"});
}

// What was sent after the instant up to which was read may still come: it is waited for, and not
// counted.
TEST_F(UnheardTest, AFrameThatMayStillArriveIsNotUnheard) {
  for_the_next(kThreshold - 1);
  a_.hold_until(now() + 2);
  advance(1);
  attempts_.attempt(kSlot, 1, now() + 1);
  EXPECT_EQ(poll_all(), Words{});
  EXPECT_EQ(observer_.counters().unheard.sum(), 0U);
}

TEST_F(UnheardTest, ManyAtOnceAreJudgedInSlices) {
  constexpr std::uint32_t kAgents = 1000;
  Observer crowded(clock_, {.threshold_ns = kThreshold, .policy = {.observer_ns_inode = kHome}});
  crowded.add(b_);
  crowded.watch(attempts_);
  for (std::uint32_t pid = 100; pid < 100 + kAgents; ++pid) {
    Identity sender = process(pid);
    sender.slot = pid;
    b_.deliver(arrival({.pid = pid, .nonce = 1}, sender));
    attempts_.attempt(pid, 1, now() + kThreshold / 2);
  }
  while (crowded.poll()) {
  }
  advance(kThreshold);
  for (std::uint32_t n = 0; n < kAgents; ++n) EXPECT_FALSE(crowded.poll());
  EXPECT_EQ(crowded.counters().unheard[Unheard::RingFull], kAgents);
  EXPECT_EQ(crowded.agents(), kAgents);
}

}  // namespace
}  // namespace hb
