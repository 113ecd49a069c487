// A frame's way through the observer.
#include <cerrno>

#include "tests/observer/observer_fixture.hpp"

namespace hb {
namespace {

// --- Each kind of event ---

TEST_F(ObserverTest, WithoutFramesThereAreNoEvents) { EXPECT_EQ(poll(), "nothing"); }

TEST_F(ObserverTest, ABeatHasAllFields) {
  a_.deliver(arrival({vlp::Status::Degraded, 7, 99, 5, 0xABCD}, process(7)));
  advance(30);
  const auto event = poll_for<Beat>();
  EXPECT_EQ(event.pid, 7U);
  EXPECT_EQ(event.status, vlp::Status::Degraded);
  EXPECT_EQ(event.payload, 0xABCDU);
  EXPECT_EQ(event.nonce, 5U);
  EXPECT_EQ(event.origin, BeatOrigin::KernelAttested);
  EXPECT_EQ(event.pid_ns_inode, kHome);
  EXPECT_EQ(event.observer_ns, 30U);
  EXPECT_EQ(event.claimed_pid, 7U);
}

TEST_F(ObserverTest, ABeatIsMarkedWhenItIsTheFirstOrItsStatusChanged) {
  a_.deliver(beat(7, 1));
  a_.deliver(beat(7, 2));
  a_.deliver(arrival({.status = vlp::Status::Critical, .pid = 7, .nonce = 3}, process(7)));
  EXPECT_TRUE(poll_for<Beat>().first_or_changed);
  EXPECT_FALSE(poll_for<Beat>().first_or_changed);
  EXPECT_TRUE(poll_for<Beat>().first_or_changed);
}

TEST_F(ObserverTest, AStallHasAllFields) {
  advance(10);
  a_.deliver(beat(7, 5));
  poll_for<Beat>();
  advance(kThreshold + 3);
  const auto event = poll_for<Stall>();
  EXPECT_EQ(event.pid, 7U);
  EXPECT_EQ(event.last_nonce, 5U);
  EXPECT_EQ(event.last_ns, 10U);
  EXPECT_EQ(event.origin, BeatOrigin::KernelAttested);
  EXPECT_EQ(event.pid_ns_inode, kHome);
  EXPECT_EQ(event.observer_ns, 10 + kThreshold + 3);
  EXPECT_EQ(event.cause, StallCause::Silence);
}

TEST_F(ObserverTest, AStallSaysWhatTheLastAcceptedBeatSaid) {
  a_.deliver(beat(7, 1));
  a_.deliver(arrival({.status = vlp::Status::Degraded, .pid = 7, .nonce = 3, .payload = 0x80000005},
                     process(7)));
  a_.deliver(arrival({.pid = 7, .nonce = 2, .payload = 6}, process(7)));  // out of order
  poll_all();
  advance(kThreshold + 1);
  const auto event = poll_for<Stall>();
  EXPECT_EQ(event.status, vlp::Status::Degraded);
  EXPECT_EQ(event.payload, 0x80000005U);
}

TEST_F(ObserverTest, WhatIsNoFrameIsADecodeEvent) {
  a_.deliver(garbage());
  advance(3);
  const auto event = poll_for<Decode>();
  EXPECT_EQ(event.error, vlp::DecodeError::BadMagic);
  EXPECT_EQ(event.observer_ns, 3U);
}

TEST_F(ObserverTest, DecodingComesBeforeTheVerdict) {
  a_.deliver({Arrival{FrameBytes{}, Unattested::NoStamp, BeatOrigin::KernelAttested}});
  EXPECT_EQ(poll(), "BadMagic");
}

TEST_F(ObserverTest, AForgedClaimIsAnAuthFailure) {
  a_.deliver(arrival({.pid = 8}, process(7)));
  advance(3);
  const auto event = poll_for<AuthFailure>();
  EXPECT_EQ(event.claimed_pid, 8U);
  EXPECT_EQ(event.attested_pid, 7U);
  EXPECT_EQ(event.cause, AuthFailureCause::PidMismatch);
  EXPECT_EQ(event.observer_ns, 3U);
}

TEST_F(ObserverTest, AFrameWithoutASenderIsAnAuthFailureWithItsCause) {
  a_.deliver(arrival({.pid = 8}, Unattested::AmbiguousStamp));
  const auto event = poll_for<AuthFailure>();
  EXPECT_EQ(event.cause, AuthFailureCause::AmbiguousStamp);
  EXPECT_EQ(event.attested_pid, std::nullopt);
}

TEST_F(ObserverTest, AForgedBeatDoesNotPostponeAStall) {
  a_.deliver(beat(7, 1));
  poll_all();
  advance(kThreshold - 1);
  a_.deliver(arrival({.pid = 7, .nonce = 2}, process(8)));
  EXPECT_EQ(poll(), "pid_mismatch");
  advance(1);
  EXPECT_EQ(poll(), "stall 7/1");
}

TEST_F(ObserverTest, AnAgentOfAnotherNamespaceIsANamespaceConflict) {
  a_.deliver(arrival({.pid = 7}, Identity{.tgid = 1077, .own_tgid = 7, .pid_ns_inode = kAway}));
  advance(3);
  const auto event = poll_for<NamespaceConflict>();
  EXPECT_EQ(event.claimed_pid, 7U);
  EXPECT_EQ(event.observed_ns_inode, kAway);
  EXPECT_EQ(event.observer_ns_inode, kHome);
  EXPECT_EQ(event.attested_pid, 1077U);
  EXPECT_EQ(event.observer_ns, 3U);
  EXPECT_EQ(observer_.agents(), 0U);
}

TEST_F(ObserverTest, AnAgentOfAnotherNamespaceIsTrackedByPolicyUnderItsPidHere) {
  Observer tolerant(clock_,
                    {.policy = {.observer_ns_inode = kHome, .allow_cross_namespace = true}});
  tolerant.add(a_);
  a_.deliver(arrival({.pid = 7}, Identity{.tgid = 1077, .own_tgid = 7, .pid_ns_inode = kAway}));
  const auto event = std::get<Beat>(tolerant.poll().value());
  EXPECT_EQ(event.pid, 1077U);
  EXPECT_EQ(event.claimed_pid, 7U);
  EXPECT_EQ(event.pid_ns_inode, kAway);
}

TEST_F(ObserverTest, AnotherOriginForATrackedPidIsAnOriginConflict) {
  a_.deliver(beat(7, 1));
  poll_all();
  b_.deliver(arrival({.pid = 7, .nonce = 2}, process(7), BeatOrigin::NetworkUnverified));
  advance(3);
  const auto event = poll_for<OriginConflict>();
  EXPECT_EQ(event.claimed_pid, 7U);
  EXPECT_EQ(event.observed_origin, BeatOrigin::NetworkUnverified);
  EXPECT_EQ(event.slot_origin, BeatOrigin::KernelAttested);
  EXPECT_EQ(event.observer_ns, 3U);
}

TEST_F(ObserverTest, AProcessThatChangesItsNamespaceIsANamespaceConflict) {
  Observer tolerant(clock_,
                    {.policy = {.observer_ns_inode = kHome, .allow_cross_namespace = true}});
  tolerant.add(a_);
  Identity sender{.tgid = 7, .own_tgid = 7, .pid_ns_inode = kAway, .generation_ns = 1};
  a_.deliver(arrival({.pid = 7, .nonce = 1}, sender));
  sender.pid_ns_inode = kAway + 1;
  a_.deliver(arrival({.pid = 7, .nonce = 2}, sender));
  tolerant.poll();
  EXPECT_EQ(std::get<NamespaceConflict>(tolerant.poll().value()).observed_ns_inode, kAway + 1);
}

TEST_F(ObserverTest, AFailureToReceiveIsAnIoEvent) {
  a_.deliver(ReceiveFailed{Error{"Cannot allocate memory", ENOMEM}});
  advance(3);
  const auto event = poll_for<Io>();
  EXPECT_EQ(event.error.code, ENOMEM);
  EXPECT_EQ(event.error.message, "Cannot allocate memory");
  EXPECT_EQ(event.observer_ns, 3U);
}

TEST_F(ObserverTest, CutAncillaryDataIsACtrlTruncatedEvent) {
  a_.deliver(AncillaryTruncated{});
  advance(3);
  const auto event = poll_for<CtrlTruncated>();
  EXPECT_EQ(event.error.code, EMSGSIZE);
  EXPECT_EQ(event.error.message, "Message too long");
  EXPECT_EQ(event.observer_ns, 3U);
}

TEST_F(ObserverTest, ARecycledPidIsABeatAndACount) {
  a_.deliver(beat(7, 900));
  a_.deliver(arrival({.pid = 7, .nonce = 1}, process(7, /*generation=*/2)));
  EXPECT_EQ(poll_all(), (Words{"beat 7/900", "exit 7/900", "beat 7/1"}));
  EXPECT_EQ(observer_.counters().pid_recycled, 1U);
}

// --- Silent drops ---

TEST_F(ObserverTest, SilentDropsAreCountedAndTheNextReceptionComesOut) {
  a_.deliver(beat(7, 5));
  a_.deliver(beat(7, 5));  // out of order
  a_.deliver(Dropped{FrameDrop::WrongLength});
  a_.deliver(beat(8, 1));
  a_.deliver(beat(9, 1));
  a_.deliver(beat(10, 1));  // no room: the tracker holds three
  a_.deliver(beat(9, 2));
  EXPECT_EQ(poll_all(), (Words{"beat 7/5", "beat 8/1", "beat 9/1", "beat 9/2"}));
  EXPECT_EQ(observer_.counters().out_of_order, 1U);
  EXPECT_EQ(observer_.counters().frames_dropped[FrameDrop::WrongLength], 1U);
  EXPECT_EQ(observer_.counters().frames_dropped[FrameDrop::TrackerFull], 1U);
}

TEST_F(ObserverTest, AFloodOfSilentDropsIsLeftAfterABoundedNumber) {
  a_.flood(Dropped{FrameDrop::WrongLength});
  EXPECT_EQ(poll(), "nothing");
  EXPECT_GT(observer_.counters().receptions, 0U);
  EXPECT_LE(observer_.counters().receptions, Observer::kReceptionsPerPoll);
  EXPECT_LE(observer_.wake_ns(), now());
}

TEST_F(ObserverTest, EveryReceptionIsCountedOnce) {
  a_.deliver(beat(7, 5));
  a_.deliver(beat(7, 4));
  a_.deliver(Dropped{FrameDrop::WrongLength});
  a_.deliver(garbage());
  a_.deliver(arrival({.pid = 8}, process(7)));
  a_.deliver(arrival({.pid = 8}, Identity{.tgid = 9, .own_tgid = 8, .pid_ns_inode = kAway}));
  a_.deliver(arrival({.pid = 7}, process(7), BeatOrigin::SocketModeOnly));
  a_.deliver(ReceiveFailed{});
  a_.deliver(AncillaryTruncated{});
  EXPECT_EQ(poll_all().size(), 7U);

  const Counters& c = observer_.counters();
  EXPECT_EQ(c.receptions, 9U);
  EXPECT_EQ(c.beats, 1U);
  EXPECT_EQ(c.decode_errors[vlp::DecodeError::BadMagic], 1U);
  EXPECT_EQ(c.auth_failures[AuthFailureCause::PidMismatch], 1U);
  EXPECT_EQ(c.namespace_conflicts, 1U);
  EXPECT_EQ(c.origin_conflicts, 1U);
  EXPECT_EQ(c.io_errors, 1U);
  EXPECT_EQ(c.ctrl_truncated, 1U);
  EXPECT_EQ(c.receptions, c.beats + c.decode_errors.sum() + c.auth_failures.sum() +
                              c.namespace_conflicts + c.origin_conflicts + c.io_errors +
                              c.ctrl_truncated + c.out_of_order + c.frames_dropped.sum());
}

TEST_F(ObserverTest, AnUnattestedBeatIsAcceptedWithUnknownFields) {
  a_.deliver(arrival({.pid = 7, .nonce = 1}, ClaimOnly{}, BeatOrigin::NetworkUnverified));
  const auto event = poll_for<Beat>();
  EXPECT_EQ(event.pid, 7U);
  EXPECT_EQ(event.origin, BeatOrigin::NetworkUnverified);
  EXPECT_FALSE(event.pid_ns_inode);
  EXPECT_EQ(event.generation_ns, 0U);
  EXPECT_EQ(event.sent_ns, 0U);
}

TEST_F(ObserverTest, AnUnattestedBeatDoesNotChangeAnAttestedAgent) {
  a_.deliver(beat(7, 1));
  b_.deliver(arrival({.pid = 7, .nonce = 2}, ClaimOnly{}, BeatOrigin::NetworkUnverified));
  EXPECT_EQ(poll_all(), (Words{"beat 7/1", "origin conflict"}));
  advance(kThreshold);
  EXPECT_EQ(poll(), "stall 7/1");
}

TEST_F(ObserverTest, AnAttestedBeatDoesNotChangeAnUnattestedAgent) {
  a_.deliver(arrival({.pid = 7, .nonce = 1}, ClaimOnly{}, BeatOrigin::NetworkUnverified));
  b_.deliver(beat(7, 2));
  EXPECT_EQ(poll_all(), (Words{"beat 7/1", "origin conflict"}));
}

TEST_F(ObserverTest, EveryReasonToDropIsCountedByItself) {
  for (const FrameDrop reason : {FrameDrop::DecryptFailed, FrameDrop::Replayed}) {
    a_.deliver(Dropped{reason});
  }
  a_.deliver(Dropped{FrameDrop::Replayed});
  EXPECT_EQ(poll(), "nothing");
  EXPECT_EQ(observer_.counters().frames_dropped[FrameDrop::DecryptFailed], 1U);
  EXPECT_EQ(observer_.counters().frames_dropped[FrameDrop::Replayed], 2U);
}

TEST_F(ObserverTest, WithoutASourceNothingHappens) {
  Observer lonely(clock_, {});
  EXPECT_EQ(words(lonely.poll()), "nothing");
  EXPECT_EQ(lonely.wake_ns(), Source::kNever);
}

TEST(Names, AreThoseOfLogsAndMetrics) {
  EXPECT_STREQ(name(BeatOrigin::NetworkUnverified), "network_unverified");
  EXPECT_STREQ(name(StallCause::Silence), "silence");
  EXPECT_STREQ(name(AuthFailureCause::KernelThread), "kernel_thread");
  EXPECT_STREQ(name(FrameDrop::TrackerFull), "tracker_full");
  EXPECT_STREQ(name(FrameDrop::SenderTableFull), "sender_table_full");
  EXPECT_STREQ(name(FrameDrop::RingFull), "ring_full");
  EXPECT_STREQ(name(FrameDrop::StampEvicted), "stamp_evicted");
}

TEST(Monotonic, NeverGoesBack) {
  const MonotonicClock clock;
  const auto before = clock.now_ns();
  EXPECT_GT(before, 0U);
  EXPECT_GE(clock.now_ns(), before);
}

}  // namespace
}  // namespace hb
