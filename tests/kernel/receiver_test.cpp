// What senders learn of a socket that has been closed, and how the observer's own datagram is
// treated.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

#include "tests/kernel/attested_socket.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

kernel::Config with(kernel::Delivery delivery) {
  kernel::Config config;
  config.delivery = delivery;
  config.ring_bytes = 4096;
  return config;
}

class Receiver : public ::testing::TestWithParam<kernel::Delivery> {
 protected:
  // The errno of send(2), or 0.
  int send(const FrameBytes& bytes = {}) {
    return ::send(sender_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0
               ? errno
               : 0;
  }

  static FrameBytes self_beat() {
    const std::uint64_t magic = HB_SELF_BEAT_MAGIC;
    FrameBytes bytes{};
    std::memcpy(bytes.data(), &magic, sizeof(magic));
    return bytes;
  }

  void fill_the_ring() {
    while (program().counters().drops[HB_DROP_RING_FULL] == 0) {
      const int refused = send();
      ASSERT_TRUE(refused == 0 || refused == EAGAIN) << std::strerror(refused);
      socket_.received();
    }
  }

  kernel::StampProgram& program() { return socket_.program(); }

  AttestedSocket socket_{with(GetParam())};
  Fd sender_ = socket_.connected();
};

INSTANTIATE_TEST_SUITE_P(Deliveries, Receiver,
                         ::testing::Values(kernel::Delivery::Socket, kernel::Delivery::Ring),
                         [](const auto& delivery) {
                           return delivery.param == kernel::Delivery::Socket ? "Socket" : "Ring";
                         });

// The program dropped what came by ring delivery, and the kernel told the sender of success: a
// client heard its first refusal after 8,191 beats, when the ring was full.
TEST_P(Receiver, RefusesTheFirstBeatAfterItsEnd) {
  ASSERT_EQ(send(), 0);
  socket_.close();
  EXPECT_EQ(send(), ECONNREFUSED);
}

TEST_P(Receiver, RefusesItsSendersAlsoWithAFullRing) {
  fill_the_ring();
  socket_.close();
  EXPECT_EQ(send(), ECONNREFUSED);
}

TEST_P(Receiver, CountsNothingAfterItsEnd) {
  ASSERT_EQ(send(), 0);
  socket_.close();
  EXPECT_EQ(send(), ECONNREFUSED);
  EXPECT_EQ(program().counters().attempts, 1U);
  EXPECT_EQ(socket_.stamps().size(), 1U);
}

TEST_P(Receiver, StampsItsOwnersSelfBeatAndQueuesNothing) {
  ASSERT_EQ(send(self_beat()), 0);
  EXPECT_EQ(socket_.received(), 0U);
  const auto stamps = socket_.stamps();
  ASSERT_EQ(stamps.size(), 1U);
  EXPECT_NE(stamps[0].flags & HB_STAMP_SELF_BEAT, 0U);
  EXPECT_NE(stamps[0].ktime_ns, 0U);
  EXPECT_EQ(program().self_beats(), 1U);
  EXPECT_EQ(program().self_beats_lost(), 0U);
}

TEST_P(Receiver, CountsASelfBeatApart) {
  ASSERT_EQ(send(self_beat()), 0);
  ASSERT_EQ(send(), 0);
  EXPECT_EQ(program().counters().attempts, 1U);
  EXPECT_EQ(program().counters().stamps, 1U);
}

TEST_P(Receiver, TakesNoSelfBeatFromAnother) {
  Child other = Child::run([&] { ::_exit(send(self_beat())); });
  ASSERT_EQ(other.wait(), 0);
  EXPECT_EQ(program().self_beats(), 0U);
  EXPECT_EQ(program().counters().attempts, 1U);
  const auto stamps = socket_.stamps();
  ASSERT_EQ(stamps.size(), 1U);
  EXPECT_EQ(stamps[0].flags & HB_STAMP_SELF_BEAT, 0U);
}

TEST_P(Receiver, SaysThatASelfBeatFoundTheRingFull) {
  fill_the_ring();
  ASSERT_EQ(send(self_beat()), 0);
  EXPECT_EQ(program().self_beats(), 1U);
  EXPECT_EQ(program().self_beats_lost(), 1U);
}

}  // namespace
}  // namespace hb::test
