// Exits: which are reported, when, and that the observer waits for the last beats without spinning.
#include "tests/observer/fake_exit_watch.hpp"
#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

class ObserverExitTest : public ObserverTest {
 protected:
  // Agent 7 has beaten once, now, and nothing waits anywhere.
  ObserverExitTest() {
    observer_.watch(exits_);
    a_.deliver(beat(7, 1));
    poll_all();
  }

  // Just now: an instant ago.
  void end(std::uint32_t pid, std::uint64_t generation = 1, ExitStatus status = {0, std::nullopt}) {
    exits_.end({.pid = pid, .generation_ns = generation, .at_ns = now(), .status = status});
    advance(1);
  }
  void others_end(std::size_t count) {
    for (; count > 0; --count) {
      exits_.end({.pid = 99, .generation_ns = 1, .at_ns = now(), .status = {}});
    }
  }

  FakeExitWatch exits_;
};

// --- What is said ---

TEST_F(ObserverExitTest, AStallSaysAllThatIsKnown) {
  advance(3);
  end(7, 1, {std::nullopt, 9});
  advance(4);
  const auto event = poll_for<Stall>();
  EXPECT_EQ(event.pid, 7U);
  EXPECT_EQ(event.cause, StallCause::Exited);
  EXPECT_EQ(event.exit.signal, 9);
  EXPECT_EQ(event.exit.code, std::nullopt);
  EXPECT_EQ(event.last_nonce, 1U);
  EXPECT_EQ(event.last_ns, 0U);
  EXPECT_EQ(event.observer_ns, 8U);
  EXPECT_EQ(event.origin, BeatOrigin::KernelAttested);
  EXPECT_EQ(event.pid_ns_inode, kHome);
  EXPECT_EQ(event.generation_ns, 1U);
}

TEST_F(ObserverExitTest, AnExitIsReportedOnceAndIsNoSilenceLater) {
  end(7);
  EXPECT_EQ(poll_all(), Words{"exit 7/1"});
  EXPECT_EQ(observer_.agents(), 0U);
  advance(10 * kThreshold);
  end(7);
  EXPECT_EQ(poll_all(), Words{});
  EXPECT_EQ(observer_.wake_ns(), Source::kNever);
}

TEST_F(ObserverExitTest, TheExitOfASilentAgentIsReported) {
  advance(kThreshold);
  EXPECT_EQ(poll_all(), Words{"stall 7/1"});
  end(7);
  EXPECT_EQ(poll_all(), Words{"exit 7/1"});
  EXPECT_EQ(observer_.counters().stalls, 2U);
}

TEST_F(ObserverExitTest, AnExitComesBeforeASilenceThatIsDueToo) {
  a_.deliver(beat(8, 1));
  poll_all();
  advance(kThreshold);
  end(7);
  EXPECT_EQ(poll_all(), (Words{"exit 7/1", "stall 8/1"}));
}

TEST_F(ObserverExitTest, ThePidMayBeReused) {
  end(7);
  poll_all();
  a_.deliver(arrival({.pid = 7, .nonce = 1}, process(7, /*generation=*/2)));
  EXPECT_EQ(poll_all(), Words{"beat 7/1"});
  EXPECT_EQ(observer_.counters().pid_recycled, 1U);
  end(7, 2);
  EXPECT_EQ(poll_all(), Words{"exit 7/1"});
}

TEST_F(ObserverExitTest, ALateBeatOfAnEndedProcessIsOutOfOrder) {
  end(7);
  poll_all();
  a_.deliver(beat(7, 2));
  EXPECT_EQ(poll_all(), Words{});
  EXPECT_EQ(observer_.counters().out_of_order, 1U);
}

TEST_F(ObserverExitTest, OtherProcessesMayEnd) {
  end(99);
  end(7, /*generation=*/2);
  end(7, /*generation=*/0);
  EXPECT_EQ(poll_all(), Words{});
  EXPECT_EQ(exits_.waiting(), 0U);
  EXPECT_EQ(observer_.counters().exits, 3U);
  EXPECT_EQ(observer_.counters().exits_untracked, 3U);
  advance(kThreshold);
  EXPECT_EQ(poll_all(), Words{"stall 7/1"});
}

// --- The last beats come first ---

TEST_F(ObserverExitTest, ABeatThatStillWaitsComesBeforeTheExit) {
  a_.deliver(garbage());
  a_.deliver(beat(7, 2));
  b_.deliver(garbage());
  end(7);
  EXPECT_EQ(poll_all().back(), "exit 7/2");
}

TEST_F(ObserverExitTest, TheOnlyBeatOfAShortLivedProcessComesBeforeItsExit) {
  b_.deliver(beat(8, 1));
  end(8);
  EXPECT_EQ(poll_all(), (Words{"beat 8/1", "exit 8/1"}));
}

TEST_F(ObserverExitTest, ABeatThatWaitsForItsStampDelaysTheExit) {
  a_.hold_until(now() + 20);
  a_.deliver(beat(7, 2));
  end(7);
  EXPECT_EQ(poll(), "nothing");
  EXPECT_EQ(observer_.wake_ns(), now() + 19) << "when the source has decided";
  advance(19);
  EXPECT_EQ(poll_all(), (Words{"beat 7/2", "exit 7/2"}));
}

TEST_F(ObserverExitTest, LooksAgainWhenASourceIsBehindAndSaysNothing) {
  a_.hold_until(now() + 20);
  a_.never_wake();
  end(99);
  poll();
  EXPECT_EQ(exits_.waiting(), 1U);
  EXPECT_GT(observer_.wake_ns(), now()) << "no spinning";
  EXPECT_LT(observer_.wake_ns(), Source::kNever) << "not forgotten";
}

// It ended after the instant for which poll() looks at the sources: at the next one.
TEST_F(ObserverExitTest, AnExitAfterTheLookWaitsForTheNextOne) {
  exits_.end({.pid = 7, .generation_ns = 1, .at_ns = now() + 1, .status = {}});
  EXPECT_EQ(poll(), "nothing");
  EXPECT_EQ(observer_.wake_ns(), now() + 2);
  advance(2);
  EXPECT_EQ(poll_all(), Words{"exit 7/1"});
}

TEST_F(ObserverExitTest, IsNotHiddenByAFlood) {
  a_.flood(garbage());
  end(7);
  for (std::size_t polls = 0; polls <= 4 * FakeSource::kQueueLength; ++polls, advance(1)) {
    if (poll() == "exit 7/1") return;
  }
  ADD_FAILURE() << "no exit";
}

// --- Many ---

TEST_F(ObserverExitTest, AreTakenOutInBoundedPortions) {
  const std::size_t many = 10 * Observer::kExitsPerLook;
  others_end(many);
  end(7);
  EXPECT_EQ(poll(), "nothing");
  EXPECT_GE(exits_.waiting(), many - 2 * Observer::kExitsPerLook);
  EXPECT_LE(observer_.wake_ns(), now()) << "more may be due";
  Words said;
  while (observer_.wake_ns() <= now()) {
    for (const auto& event : poll_all()) said.push_back(event);
  }
  EXPECT_EQ(said, Words{"exit 7/1"});
}

TEST_F(ObserverExitTest, APortionOfExitsDoesNotHoldUpASilence) {
  others_end(10 * Observer::kExitsPerLook);
  advance(kThreshold);
  EXPECT_EQ(poll(), "stall 7/1");
}

TEST_F(ObserverExitTest, ExitsBeforeTheFirstLookAreReportedWithoutASleep) {
  Observer fresh(clock_, {});
  fresh.poll();
  fresh.watch(exits_);
  EXPECT_LE(fresh.wake_ns(), now());
}

// --- Two containers ---

TEST_F(ObserverExitTest, TwoAgentsThatClaimOnePidInTwoNamespacesAreTwo) {
  Observer tolerant(clock_,
                    {.threshold_ns = kThreshold,
                     .policy = {.observer_ns_inode = kHome, .allow_cross_namespace = true}});
  tolerant.add(a_);
  tolerant.watch(exits_);
  const Identity one{
      .tgid = 1077, .own_tgid = 7, .pid_ns_inode = kAway, .generation_ns = 5, .cgroup_id = 31};
  const Identity two{
      .tgid = 2077, .own_tgid = 7, .pid_ns_inode = kAway + 1, .generation_ns = 5, .cgroup_id = 32};
  a_.deliver(arrival({.pid = 7, .nonce = 900}, one));
  a_.deliver(arrival({.pid = 7, .nonce = 1}, two));
  EXPECT_EQ(words(tolerant.poll()), "beat 1077/900");
  EXPECT_EQ(words(tolerant.poll()), "beat 2077/1");
  EXPECT_EQ(tolerant.agents(), 2U);

  end(1077, 5);
  const auto dead = std::get<Stall>(tolerant.poll().value());
  EXPECT_EQ(dead.pid, 1077U);
  EXPECT_EQ(dead.claimed_pid, 7U);
  EXPECT_EQ(dead.pid_ns_inode, kAway);
  EXPECT_EQ(dead.cgroup_id, 31U);
  advance(kThreshold);
  const auto silent = std::get<Stall>(tolerant.poll().value());
  EXPECT_EQ(silent.pid, 2077U);
  EXPECT_EQ(silent.claimed_pid, 7U);
  EXPECT_EQ(silent.cgroup_id, 32U);
  EXPECT_EQ(silent.generation_ns, 5U);
}

// procfs attestation does not know the sender's own pid: the claimed one is used.
TEST_F(ObserverExitTest, WithoutAnOwnPidTheClaimedOneIsReported) {
  b_.deliver(arrival({.pid = 8, .nonce = 1}, Identity{.tgid = 8, .pid_ns_inode = kHome},
                     BeatOrigin::SocketModeOnly));
  poll();
  advance(kThreshold);
  poll_for<Stall>();
  EXPECT_EQ(poll_for<Stall>().claimed_pid, 8U);
}

// --- An exec is the same process with nonces of its own ---

TEST_F(ObserverExitTest, AnExecBeginsANewSession) {
  Identity sender = process(8);
  sender.sent_ns = 10;
  b_.deliver(arrival({.pid = 8, .nonce = 900}, sender));
  sender.sent_ns = 11;
  b_.deliver(arrival({.pid = 8, .nonce = 1}, sender));
  b_.deliver(arrival({.pid = 8, .nonce = 1}, sender));
  poll_for<Beat>();
  EXPECT_TRUE(poll_for<Beat>().first_or_changed);
  EXPECT_EQ(poll(), "nothing");
  EXPECT_EQ(observer_.counters().sessions_restarted, 1U);
  EXPECT_EQ(observer_.counters().out_of_order, 1U);
  EXPECT_EQ(observer_.counters().beats, 3U);
}

// --- A reused pid ---

class ObserverSuccessorTest : public ObserverExitTest {
 protected:
  void successor_beats() { a_.deliver(arrival({.pid = 7, .nonce = 1}, process(7, 2))); }
};

// The exit waits for what was sent before it, and the successor's beat was, in the same look.
TEST_F(ObserverSuccessorTest, EndsItsPredecessorFirst) {
  end(7, 1, {std::nullopt, 9});
  successor_beats();
  a_.hold_until(now());
  const auto end = poll_for<Stall>();
  EXPECT_EQ(end.cause, StallCause::Exited);
  EXPECT_EQ(end.generation_ns, 1U);
  EXPECT_EQ(end.exit.signal, 9);
  EXPECT_EQ(poll_for<Beat>().generation_ns, 2U);
  EXPECT_EQ(poll_all(), Words{});
  EXPECT_EQ(observer_.counters().stalls, 1U);
  EXPECT_EQ(observer_.counters().pid_recycled, 1U);
}

TEST_F(ObserverSuccessorTest, EndsOneWhoseExitWasNeverSeen) {
  successor_beats();
  const auto end = poll_for<Stall>();
  EXPECT_EQ(end.cause, StallCause::Exited);
  EXPECT_FALSE(end.exit.code || end.exit.signal);
  EXPECT_EQ(poll_for<Beat>().generation_ns, 2U);
}

TEST_F(ObserverSuccessorTest, DoesNotReportAnExitTwice) {
  end(7);
  EXPECT_EQ(poll_all(), Words{"exit 7/1"});
  successor_beats();
  EXPECT_EQ(poll_all(), Words{"beat 7/1"});
  EXPECT_EQ(observer_.counters().stalls, 1U);
}

}  // namespace
}  // namespace hb
