// Which datagrams the program stamps, which it drops, and its counters.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/frames.hpp"
#include "tests/support/child.hpp"
#include "tests/support/control_message.hpp"

namespace hb::test {
namespace {

class DatagramTest : public ::testing::Test {
 protected:
  static std::uint64_t dropped(const hb_counters& counters) {
    return std::accumulate(std::begin(counters.drops), std::end(counters.drops), std::uint64_t{0});
  }

  // Returns what send(2) said.
  ssize_t send(std::size_t length) {
    const std::string bytes(length, 'x');
    return ::send(sender_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  }

  // Sends a frame with another pid in SCM_CREDENTIALS, as root may.
  void send_as(const ucred& somebody) {
    const std::string bytes(HB_FRAME_BYTES, 'x');
    ASSERT_EQ(send_with_credentials(sender_.get(), bytes.data(), bytes.size(), somebody),
              HB_FRAME_BYTES);
  }

  hb_counters counters() { return socket_.program().counters(); }

  // False where the program cannot see descriptors (6.1 under lockdown).
  bool queues() { return socket_.program().delivery() == kernel::Delivery::Socket; }

  AttestedSocket socket_;
  Fd sender_ = socket_.connected();
};

TEST_F(DatagramTest, CountersStartAtZero) {
  EXPECT_EQ(counters().attempts, 0U);
  EXPECT_EQ(counters().stamps, 0U);
  EXPECT_EQ(dropped(counters()), 0U);
}

TEST_F(DatagramTest, WrongLengthsAreDroppedAndCounted) {
  for (const std::size_t length : {0U, 1U, 31U, 33U, 65507U}) {
    EXPECT_EQ(send(length), static_cast<ssize_t>(length));  // the sender is not told
  }
  EXPECT_EQ(socket_.received(), 0U);
  EXPECT_TRUE(socket_.stamps().empty());
  EXPECT_EQ(counters().attempts, 5U);
  EXPECT_EQ(counters().drops[HB_DROP_WRONG_LENGTH], 5U);
}

TEST_F(DatagramTest, StampIsThereWhenTheFrameIs) {
  EXPECT_EQ(send(HB_FRAME_BYTES), HB_FRAME_BYTES);
  EXPECT_EQ(socket_.received(), queues() ? 1U : 0U);
  EXPECT_EQ(socket_.stamps().size(), 1U);
}

TEST_F(DatagramTest, FullQueueLeavesOrphans) {
  int refused = 0;
  for (int i = 0; i < 2000; i++) {
    if (send(HB_FRAME_BYTES) < 0) refused++;
  }
  EXPECT_EQ(refused > 0, queues());
  EXPECT_EQ(socket_.received(), queues() ? 2000U - static_cast<std::size_t>(refused) : 0U);
  EXPECT_EQ(socket_.stamps().size(), 2000U);
}

// A filter cannot make send(2) fail, but a full queue can.
TEST(FullRing, MakesTheSenderMeetAFullQueue) {
  AttestedSocket socket({.ring_bytes = 4096});
  const Fd sender = socket.connected();
  int refused = 0;
  for (int i = 0; i < 100; i++) {
    if (send_frame(sender.get(), own_frame()) < 0) refused++;
  }
  const hb_counters counters = socket.program().counters();
  EXPECT_GT(counters.drops[HB_DROP_RING_FULL], 0U);
  if (socket.program().delivery() == kernel::Delivery::Ring) {
    EXPECT_EQ(counters.kept_unstamped, 0U) << "nothing is queued whose descriptors cannot be seen";
    EXPECT_EQ(socket.received(), 0U);
    return;
  }
  EXPECT_EQ(counters.kept_unstamped, counters.drops[HB_DROP_RING_FULL]);
  EXPECT_EQ(counters.stamps + counters.drops[HB_DROP_RING_FULL], counters.attempts);
  EXPECT_EQ(socket.program().kept_unstamped(), counters.kept_unstamped);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(socket.received(), 100U - static_cast<std::size_t>(refused));
}

TEST_F(DatagramTest, FilterCannotBeDetached) {
  const int none = 0;
  EXPECT_EQ(::setsockopt(socket_.fd(), SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_FALSE(socket_.program().attach(socket_.fd()));
}

TEST_F(DatagramTest, PlainSenderHasItsOwnCredentials) {
  if (!socket_.program().reads_credentials()) {
    std::puts("this kernel hides the credentials: nothing to compare");
    return;
  }
  send(HB_FRAME_BYTES);
  const hb_stamp stamp = socket_.stamps().at(0);
  EXPECT_EQ(stamp.cred_pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(stamp.cred_uid, ::getuid());
  EXPECT_EQ(stamp.flags & HB_STAMP_CREDENTIALS_CHOSEN, 0U);
}

TEST_F(DatagramTest, ForgedCredentialsDoNotFoolTheStamp) {
  Child victim = Child::run([] { ::pause(); });
  send_as({victim.pid(), 65534, 65533});
  const hb_stamp stamp = socket_.stamps().at(0);
  EXPECT_EQ(stamp.tgid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(stamp.uid, ::getuid());
  if (!socket_.program().reads_credentials()) return;
  EXPECT_NE(stamp.flags & HB_STAMP_CREDENTIALS_CHOSEN, 0U);
  EXPECT_EQ(stamp.cred_pid, static_cast<std::uint32_t>(victim.pid()));
  EXPECT_EQ(stamp.cred_uid, 65534U);
  EXPECT_EQ(stamp.cred_gid, 65533U);
}

}  // namespace
}  // namespace hb::test
