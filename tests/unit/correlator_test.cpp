#include "identity/correlator.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace hb {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

// A correlator, a ring that is only a position, and a clock that is only a number.
class CorrelatorTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kAgent = 100;
  static constexpr std::uint32_t kOther = 200;

  void use(PairingKey key, std::size_t stamps = 64) {
    config_.key = key;
    config_.stamps = stamps;
    correlator_ = std::make_unique<Correlator>(config_);
  }

  static FrameBytes frame(std::uint8_t content) {
    FrameBytes bytes;
    bytes.fill(content);
    return bytes;
  }

  static hb_stamp stamp(std::uint32_t tgid, std::uint8_t content, std::uint32_t cred_pid) {
    hb_stamp stamp{};
    stamp.version = HB_STAMP_VERSION;
    stamp.tgid = stamp.own_tgid = tgid;
    stamp.generation_ns = tgid * 1000;
    stamp.pid_ns_inode = 7;
    stamp.cred_pid = cred_pid;
    std::memset(stamp.frame, content, sizeof(stamp.frame));
    return stamp;
  }

  void stamped(std::uint32_t tgid, std::uint8_t content) { stamped_as(tgid, content, tgid); }

  // `tgid` sent, under credentials that name `cred_pid`.
  void stamped_as(std::uint32_t tgid, std::uint8_t content, std::uint32_t cred_pid) {
    correlator_->add_stamp(stamp(tgid, content, cred_pid), now_ns_);
    balance();
  }

  void stamped_at(std::uint64_t skb, std::uint32_t tgid) {
    hb_stamp at = stamp(tgid, 1, tgid);
    at.skb = skb;
    correlator_->add_stamp(at, now_ns_);
  }

  void receipt(std::uint64_t skb, std::uint64_t serial) { correlator_->add_receipt({skb, serial}); }

  void received(std::uint8_t content, std::uint32_t cred_pid = kAgent) {
    Datagram datagram;
    datagram.bytes = frame(content);
    datagram.credentials.pid = cred_pid;
    correlator_->add_frame(datagram, serial_++, ring_reserved_, now_ns_);
  }

  std::optional<Correlator::Paired> next() {
    auto paired = correlator_->next(ring_read_, now_ns_);
    balance();
    return paired;
  }

  // The next frame is judged, and this process sent it.
  void expect_sender(std::uint32_t tgid) {
    const auto paired = next();
    ASSERT_TRUE(paired.has_value());
    const auto* identity = std::get_if<Identity>(&paired->sender);
    ASSERT_NE(identity, nullptr);
    EXPECT_EQ(identity->tgid, tgid);
  }

  void expect_refused(Unattested why) {
    const auto paired = next();
    ASSERT_TRUE(paired.has_value());
    ASSERT_TRUE(std::holds_alternative<Unattested>(paired->sender));
    EXPECT_EQ(std::get<Unattested>(paired->sender), why);
  }

  void expect_waiting() { EXPECT_FALSE(next().has_value()); }

  void after(std::uint64_t ns) { now_ns_ += ns; }

  void expire() {
    correlator_->expire(now_ns_);
    balance();
  }

  // Every stamp is in exactly one place, always.
  void balance() {
    const CorrelatorCounters& counters = correlator_->counters();
    EXPECT_EQ(counters.stamps, counters.matched + counters.orphaned + correlator_->waiting());
  }

  CorrelatorConfig config_;
  std::unique_ptr<Correlator> correlator_ = std::make_unique<Correlator>(config_);
  std::uint64_t now_ns_ = 1'000'000'000;
  std::uint64_t ring_read_ = 0;
  std::uint64_t ring_reserved_ = 0;
  std::uint64_t serial_ = 0;
};

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

TEST_F(CorrelatorTest, EqualFramesFromTwoProcessesAreNobodys) {
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

TEST_F(CorrelatorTest, KernelThreadIsNobody) {
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

// The story: an orphan of the agent lies in the table, a forger's stamp is behind a record that is
// still being written. Judged at once, the forger's frame would be the agent's.
TEST_F(CorrelatorTest, WaitsWhileAContradictionMayHideInTheRing) {
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

TEST_F(CorrelatorTest, AnExpiredContradictionIsForgotten) {
  stamped_as(kOther, 1, kAgent);
  after(config_.stamp_lifetime_ns);
  expire();
  stamped_as(kAgent, 1, kAgent);
  received(1);
  expect_sender(kAgent);
}

TEST_F(CorrelatorTest, FullTablePushesOutTheOldest) {
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
  after(config_.stamp_wait_ns);
  expect_refused(Unattested::NoStamp);
}

TEST_F(CorrelatorTest, TableIsReusedForEver) {
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

TEST_F(CorrelatorTest, ReceiptNamesTheBuffersOwnStamp) {
  use(PairingKey::SocketBuffer);
  received(1);
  stamped_at(0xa0, kAgent);
  receipt(0xa0, 0);
  expect_sender(kAgent);
}

// The address is free as soon as its datagram was copied, and the next sender's stamp may come out
// of the ring before the first frame is judged.
TEST_F(CorrelatorTest, ReusedBufferDoesNotInherit) {
  use(PairingKey::SocketBuffer);
  received(1);
  received(1);
  stamped_at(0xa0, kAgent);
  receipt(0xa0, 0);
  stamped_at(0xa0, kOther);
  receipt(0xa0, 1);
  expect_sender(kAgent);
  expect_sender(kOther);
}

TEST_F(CorrelatorTest, OrphanedBufferIsReplaced) {
  use(PairingKey::SocketBuffer);
  stamped_at(0xa0, kOther);
  stamped_at(0xa0, kAgent);
  balance();
  received(1);
  receipt(0xa0, 0);
  expect_sender(kAgent);
  EXPECT_EQ(correlator_->counters().orphaned, 1U);
}

TEST_F(CorrelatorTest, LostReceiptShiftsNobody) {
  use(PairingKey::SocketBuffer);
  received(1);
  received(1);
  stamped_at(0xa0, kAgent);
  stamped_at(0xb0, kOther);
  receipt(0xb0, 1);
  after(config_.stamp_wait_ns);
  expect_refused(Unattested::NoStamp);
  expect_sender(kOther);
}

TEST_F(CorrelatorTest, ReceiptOfADatagramThatIsNoFrameIsPassedOver) {
  use(PairingKey::SocketBuffer);
  serial_ = 1;  // datagram 0 was cut short and never became a frame
  received(1);
  stamped_at(0xa0, kOther);
  receipt(0xa0, 0);
  stamped_at(0xb0, kAgent);
  receipt(0xb0, 1);
  expect_sender(kAgent);
}

}  // namespace
}  // namespace hb
