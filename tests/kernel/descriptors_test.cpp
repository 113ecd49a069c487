// One datagram with a lingering TCP socket blocked the observer in tcp_close() for as long as its
// sender liked: the receiver must never close the last reference to a passed descriptor.
#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/frames.hpp"
#include "tests/support/child.hpp"
#include "tests/support/control_message.hpp"

namespace hb::test {
namespace {

ssize_t send_with_descriptor(int fd, int passed, std::size_t length = HB_FRAME_BYTES) {
  std::array<char, 64> bytes{};
  const Frame frame = own_frame();
  std::copy(frame.begin(), frame.end(), bytes.begin());
  return send_with_descriptors(fd, bytes.data(), length, std::span(&passed, 1));
}

// The read end of a pipe, which shows when the other end is closed everywhere.
class Held {
 public:
  Held() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }
  [[nodiscard]] int passed() const { return write_.get(); }
  [[nodiscard]] bool is_gone() {
    write_.reset();
    char none = 0;
    return ::read(read_.get(), &none, 1) == 0;
  }

 private:
  Fd read_;
  Fd write_;
};

class DescriptorsTest : public ::testing::TestWithParam<kernel::Delivery> {
 protected:
  std::uint64_t dropped() { return socket_.program().counters().drops[HB_DROP_DESCRIPTORS]; }

  AttestedSocket socket_{{.ring_bytes = 4096, .delivery = GetParam()}};
  Fd sender_ = socket_.connected();
  Held held_;
};

TEST_P(DescriptorsTest, AreDroppedAndCounted) {
  if (!socket_.program().reads_credentials()) {
    // The program cannot see them (6.1 under lockdown): then nothing at all is queued.
    EXPECT_EQ(socket_.program().delivery(), kernel::Delivery::Ring);
  }
  send_with_descriptor(sender_.get(), held_.passed());
  EXPECT_EQ(socket_.received(), 0U);
  EXPECT_TRUE(held_.is_gone()) << "the sender released it, not whoever receives";
  if (!socket_.program().reads_credentials()) return;
  EXPECT_TRUE(socket_.stamps().empty());
  EXPECT_EQ(dropped(), 1U);
  EXPECT_EQ(socket_.program().descriptors_dropped(), 1U);
}

TEST_P(DescriptorsTest, AreDroppedWhenTheRingIsFull) {
  while (socket_.program().counters().drops[HB_DROP_RING_FULL] == 0) {
    send_frame(sender_.get(), own_frame());
  }
  socket_.received();
  send_with_descriptor(sender_.get(), held_.passed());
  EXPECT_EQ(socket_.received(), 0U);
  EXPECT_TRUE(held_.is_gone());
}

TEST_P(DescriptorsTest, OfADatagramThatIsNoFrameAreDropped) {
  send_with_descriptor(sender_.get(), held_.passed(), 64);
  EXPECT_EQ(socket_.received(), 0U);
  EXPECT_TRUE(held_.is_gone());
}

TEST_P(DescriptorsTest, TakeNothingFromTheNextFrame) {
  send_with_descriptor(sender_.get(), held_.passed());
  socket_.stamps();
  send_frame(sender_.get(), own_frame());
  EXPECT_EQ(socket_.stamps().size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(ByDelivery, DescriptorsTest,
                         ::testing::Values(kernel::Delivery::Socket, kernel::Delivery::Ring),
                         [](const auto& delivery) {
                           return delivery.param == kernel::Delivery::Ring ? "Ring" : "Socket";
                         });

}  // namespace
}  // namespace hb::test
