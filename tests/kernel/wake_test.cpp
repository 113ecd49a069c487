// The program wakes the observer when a quarter of the ring is in use, at most once per read of the
// ring.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>

#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/frames.hpp"

namespace hb::test {
namespace {

constexpr std::size_t kRingBytes = 65'536;
constexpr std::size_t kWakes = kRingBytes / 4 / 128;  // stamps with their headers

class WakeTest : public ::testing::Test {
 protected:
  WakeTest() {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    EXPECT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket_.program().ring_fd(), &event), 0);
    is_woken(0);  // it is ready once when it is added
  }

  void send(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) send_frame(sender_.get(), own_frame());
  }
  bool is_woken(int patience_ms) {
    epoll_event event{};
    return ::epoll_wait(epoll_.get(), &event, 1, patience_ms) > 0;
  }

  static constexpr int kPatience_ms = 20'000;
  static constexpr int kNoTime_ms = 100;  // too short only makes a test weaker, never fail

  AttestedSocket socket_{{.ring_bytes = kRingBytes, .delivery = kernel::Delivery::Ring}};
  Fd sender_ = socket_.connected();
  Fd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

TEST_F(WakeTest, ComesWhenAQuarterIsUnread) {
  send(kWakes + 1);
  EXPECT_TRUE(is_woken(kPatience_ms));
}

TEST_F(WakeTest, DoesNotComeForLess) {
  send(kWakes / 2);
  EXPECT_FALSE(is_woken(kNoTime_ms));
}

TEST_F(WakeTest, ComesOnceUntilTheRingIsRead) {
  send(kWakes + 1);
  EXPECT_TRUE(is_woken(kPatience_ms));
  send(kWakes);
  EXPECT_FALSE(is_woken(kNoTime_ms));
}

TEST_F(WakeTest, ComesAgainAfterThat) {
  for (int i = 0; i < 5; ++i) {
    send(kWakes + 1);
    EXPECT_TRUE(is_woken(kPatience_ms));
    socket_.stamps();
  }
}

}  // namespace
}  // namespace hb::test
