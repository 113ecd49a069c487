// Frames whose stamps are known to be lost: dropped, without an auth_failure.
#include "identity/loss_credit.hpp"
#include "tests/identity/correlator_fixture.hpp"

namespace hb {
namespace {

using MissingStamp = Correlator::MissingStamp;

TEST_F(CorrelatorTest, KeptUnstampedIsRingFullAtOnce) {
  correlator_->kept_unstamped(1, now_ns_);
  received(1);
  expect_missing(MissingStamp::RingFull);
}

TEST_F(CorrelatorTest, MoreThanWereKeptHaveNoStamp) {
  correlator_->kept_unstamped(1, now_ns_);
  received(1);
  received(1);
  expect_missing(MissingStamp::RingFull);
  expect_waiting();
  after(config_.stamp_wait_ns);
  expect_refused(Unattested::NoStamp);
}

TEST_F(CorrelatorTest, RingFullIsNotSaidBeforeTheRingHasBeenRead) {
  correlator_->kept_unstamped(1, now_ns_);
  ring_reserved_ = 144;
  received(1);
  expect_waiting();
  stamped(kAgent, 1);
  ring_read_ = 144;
  expect_sender(kAgent);
}

TEST_F(CorrelatorTest, StampedFrameSpendsNoCredit) {
  correlator_->kept_unstamped(1, now_ns_);
  stamped(kAgent, 1);
  received(1);
  received(2);
  expect_sender(kAgent);
  expect_missing(MissingStamp::RingFull);
}

// It has no stamp that could contradict. No more beats are accepted of the agent than it attempted.
TEST_F(CorrelatorTest, AFrameWithoutAStampMayTakeThatOfTheSameBytes) {
  stamped(kAgent, 1);
  correlator_->kept_unstamped(1, now_ns_);
  received(1);  // another process's, with the agent's credentials
  received(1);  // the agent's
  expect_sender(kAgent);
  expect_missing(MissingStamp::RingFull);
}

// A frame with an ambiguous stamp has a stamp: it is reported as ambiguous.
TEST_F(CorrelatorTest, AnAmbiguousStampSpendsNoCredit) {
  correlator_->kept_unstamped(1, now_ns_);
  stamped_as(kAgent, 1, kAgent);
  stamped_as(kOther, 1, kAgent);
  received(1);
  expect_refused(Unattested::AmbiguousStamp);
}

TEST_F(CorrelatorTest, UnstampedFramesDoNotDelayOthers) {
  correlator_->kept_unstamped(100, now_ns_);
  for (int i = 0; i < 100; i++) received(1);
  received(2);
  stamped(kAgent, 2);
  for (int i = 0; i < 100; i++) expect_missing(MissingStamp::RingFull);
  expect_sender(kAgent);
}

// A kept datagram may have met a full queue: the credit that remains must expire.
TEST_F(CorrelatorTest, UnusedCreditExpires) {
  correlator_->kept_unstamped(5, now_ns_);
  after(config_.stamp_lifetime_ns);
  expire();
  correlator_->kept_unstamped(5, now_ns_);
  received(1);
  expect_waiting();
  after(config_.stamp_wait_ns);
  expect_refused(Unattested::NoStamp);
}

TEST_F(CorrelatorTest, EvictionsExplainAsManyFrames) {
  use(PairingKey::ContentAndCredentials, 1);
  stamped(kAgent, 1);
  stamped(kAgent, 2);
  received(1);
  received(3);
  expect_missing(MissingStamp::Evicted);
  after(config_.stamp_wait_ns);
  expect_refused(Unattested::NoStamp);
}

TEST(LossCreditTest, SpendsWhatWasGranted) {
  LossCredit credit;
  EXPECT_FALSE(credit.spend());
  credit.grant(2, 10);
  EXPECT_TRUE(credit.spend());
  EXPECT_TRUE(credit.spend());
  EXPECT_FALSE(credit.spend());
}

TEST(LossCreditTest, DoesNotExpireBeforeItsLastGrant) {
  LossCredit credit;
  credit.grant(1, 10);
  credit.grant(2, 20);
  credit.expire(19);
  EXPECT_TRUE(credit.spend());
  credit.expire(20);
  EXPECT_FALSE(credit.spend());
}

TEST(LossCreditTest, GrantOfNothingNewDoesNotRenew) {
  LossCredit credit;
  credit.grant(1, 10);
  credit.grant(1, 20);
  credit.expire(10);
  EXPECT_FALSE(credit.spend());
}

}  // namespace
}  // namespace hb
