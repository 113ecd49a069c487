// --correlate skb: receipts name the socket buffer that a frame was copied from.
#include "tests/identity/correlator_fixture.hpp"

namespace hb {
namespace {

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

// The kernel program queues a datagram without a stamp when the ring is full, and its sk_buff has
// the address of an orphan's. It must not be attributed to the orphan's sender.
TEST_F(CorrelatorTest, AnOrphansBufferMatchesNoOtherBytes) {
  use(PairingKey::SocketBuffer);
  stamped_at(0xa0, kAgent, 1);
  correlator_->kept_unstamped(1, now_ns_);
  received(2);
  receipt(0xa0, 0);
  expect_missing(Correlator::MissingStamp::RingFull);
}

TEST_F(CorrelatorTest, LostReceiptShiftsNoOtherFrame) {
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
