// Pairing by content.
#include "tests/identity/correlator_fixture.hpp"

namespace hb {
namespace {

TEST_F(CorrelatorTest, StampFirst) {
  stamped(kAgent, 1);
  received(1);
  expect_sender(kAgent);
}

TEST_F(CorrelatorTest, StampLate) {
  received(1);
  expect_waiting();
  after(10 * kMs);
  stamped(kAgent, 1);
  expect_sender(kAgent);
}

TEST_F(CorrelatorTest, StampLost) {
  received(1);
  after(config_.stamp_wait_ns - 1);
  expect_waiting();
  after(1);
  expect_refused(Unattested::NoStamp);
}

TEST_F(CorrelatorTest, FramesKeepTheirOrder) {
  stamped(kAgent, 1);
  stamped(kOther, 2);
  received(1);
  received(2, kOther);
  expect_sender(kAgent);
  expect_sender(kOther);
  expect_waiting();
}

TEST_F(CorrelatorTest, StampsInOtherOrderThanFrames) {
  stamped(kOther, 2);
  stamped(kAgent, 1);
  received(1);
  received(2, kOther);
  expect_sender(kAgent);
  expect_sender(kOther);
}

TEST_F(CorrelatorTest, OneStampServesOneFrame) {
  stamped(kAgent, 1);
  received(1);
  received(1);
  expect_sender(kAgent);
  after(config_.stamp_wait_ns);
  expect_refused(Unattested::NoStamp);
}

TEST_F(CorrelatorTest, DuplicateStampsOfOneProcessAgree) {
  stamped(kAgent, 1);
  stamped(kAgent, 1);  // a kernel that runs the filter again after a full queue
  received(1);
  expect_sender(kAgent);
}

TEST_F(CorrelatorTest, EqualFramesFromTwoProcessesAreAmbiguous) {
  stamped_as(kAgent, 1, kAgent);
  stamped_as(kOther, 1, kAgent);
  received(1);
  received(1);
  expect_refused(Unattested::AmbiguousStamp);
  expect_refused(Unattested::AmbiguousStamp);
}

TEST_F(CorrelatorTest, UsingUpAStampDoesNotSettleAnAmbiguity) {
  stamped_as(kAgent, 1, kAgent);
  stamped_as(kOther, 1, kAgent);
  stamped_as(kOther, 1, kAgent);
  for (int i = 0; i < 3; i++) {
    received(1);
    expect_refused(Unattested::AmbiguousStamp);
  }
}

TEST_F(CorrelatorTest, EqualBytesUnderOtherCredentialsDoNotCollide) {
  stamped(kAgent, 1);
  stamped(kOther, 1);
  received(1, kOther);
  received(1, kAgent);
  expect_sender(kOther);
  expect_sender(kAgent);
}

TEST_F(CorrelatorTest, WithoutCredentialsEqualBytesAreAmbiguous) {
  use(PairingKey::Content);
  stamped(kAgent, 1);
  stamped(kOther, 1);
  received(1, kAgent);
  expect_refused(Unattested::AmbiguousStamp);
}

TEST_F(CorrelatorTest, RecycledPidDisagreesWithItsPredecessor) {
  hb_stamp successor = stamp(kAgent, 1, kAgent);
  successor.generation_ns++;
  stamped(kAgent, 1);
  correlator_->add_stamp(successor, now_ns_);
  received(1);
  expect_refused(Unattested::AmbiguousStamp);
}

TEST_F(CorrelatorTest, KernelThreadIsRefused) {
  hb_stamp worker = stamp(kAgent, 1, kAgent);
  worker.flags = HB_STAMP_KERNEL_THREAD;
  correlator_->add_stamp(worker, now_ns_);
  received(1);
  expect_refused(Unattested::KernelThread);
}

TEST_F(CorrelatorTest, KernelThreadAndProcessDisagree) {
  hb_stamp worker = stamp(kAgent, 1, kAgent);
  worker.flags = HB_STAMP_KERNEL_THREAD;
  correlator_->add_stamp(worker, now_ns_);
  stamped(kAgent, 1);
  received(1);
  expect_refused(Unattested::AmbiguousStamp);
}

// An orphan of the agent is in the table, and a forger's stamp is behind a record that is still
// being written. Judged at once, the forger's frame would be attributed to the agent.
TEST_F(CorrelatorTest, WaitsUntilTheRingHasBeenReadPastTheFrame) {
  stamped_as(kAgent, 1, kAgent);
  ring_reserved_ = 144;
  received(1);
  expect_waiting();
  stamped_as(kOther, 1, kAgent);
  ring_read_ = 144;
  expect_refused(Unattested::AmbiguousStamp);
}

TEST_F(CorrelatorTest, BusyRingHeadNeverRejects) {
  ring_reserved_ = 144;
  received(1);
  after(100 * config_.stamp_wait_ns);
  expect_waiting();
  stamped(kAgent, 1);
  ring_read_ = 144;
  expect_sender(kAgent);
}

TEST_F(CorrelatorTest, OrphansExpire) {
  stamped(kAgent, 1);
  after(config_.stamp_lifetime_ns);
  expire();
  EXPECT_EQ(correlator_->counters().orphaned, 1U);
  EXPECT_EQ(correlator_->waiting(), 0U);
}

TEST_F(CorrelatorTest, OrphansDoNotExpireEarly) {
  stamped(kAgent, 1);
  after(config_.stamp_lifetime_ns - 1);
  expire();
  received(1);
  expect_sender(kAgent);
}

// The observer did not run for a lifetime after it had read the clock, and then read the ring:
// stamps of just now expired at its next turn, and a frame that was queued after that had none.
TEST_F(CorrelatorTest, AStampIsNotOlderThanItSays) {
  hb_stamp of_just_now = stamp(kAgent, 1, kAgent);
  of_just_now.ktime_ns = now_ns_ + config_.stamp_lifetime_ns;
  correlator_->add_stamp(of_just_now, now_ns_);
  after(config_.stamp_lifetime_ns);
  expire();
  received(1);
  expect_sender(kAgent);
}

TEST_F(CorrelatorTest, AnExpiredContradictionIsForgotten) {
  stamped_as(kOther, 1, kAgent);
  after(config_.stamp_lifetime_ns);
  expire();
  stamped_as(kAgent, 1, kAgent);
  received(1);
  expect_sender(kAgent);
}

TEST_F(CorrelatorTest, FullTableEvictsTheOldestOfOneSender) {
  use(PairingKey::ContentAndCredentials, 2);
  stamped(kAgent, 1);
  stamped(kAgent, 2);
  stamped(kAgent, 3);
  EXPECT_EQ(correlator_->counters().evicted, 1U);
  received(2);
  received(3);
  received(1);
  expect_sender(kAgent);
  expect_sender(kAgent);
  expect_missing(Correlator::MissingStamp::Evicted);
}

TEST_F(CorrelatorTest, ExpiryIsBoundedPerCall) {
  use(PairingKey::ContentAndCredentials, 2 * Correlator::kExpiredPerCall);
  for (std::size_t i = 0; i < Correlator::kExpiredPerCall + 1; i++) {
    hb_stamp numbered = stamp(kAgent, 1, kAgent);
    std::memcpy(numbered.frame, &i, sizeof(i));
    correlator_->add_stamp(numbered, now_ns_);
  }
  after(config_.stamp_lifetime_ns);
  EXPECT_TRUE(correlator_->expire(now_ns_));
  EXPECT_EQ(correlator_->waiting(), 1U);
  EXPECT_FALSE(correlator_->expire(now_ns_));
  EXPECT_EQ(correlator_->waiting(), 0U);
}

TEST_F(CorrelatorTest, TableIsReused) {
  use(PairingKey::ContentAndCredentials, 4);
  for (int i = 0; i < 10'000; i++) {
    stamped(kAgent, static_cast<std::uint8_t>(i));
    received(static_cast<std::uint8_t>(i));
    expect_sender(kAgent);
  }
}

TEST_F(CorrelatorTest, RoomEndsAndReturns) {
  const std::size_t room = correlator_->room();
  for (std::size_t i = 0; i < room; i++) received(1);
  EXPECT_EQ(correlator_->room(), 0U);
  stamped(kAgent, 1);
  expect_sender(kAgent);
  EXPECT_EQ(correlator_->room(), 1U);
}

}  // namespace
}  // namespace hb
