// The UDP socket and its sender, on the loopback interface.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <vector>

#include "tests/support/needs.hpp"
#include "transport/udp_agent.hpp"
#include "transport/udp_listener.hpp"

namespace hb::test {
namespace {

class UdpSockets : public ::testing::Test {
 protected:
  // Some free port.
  void listen(const std::string& ip = "127.0.0.1") {
    for (std::uint16_t port = 20'000; port < 20'100; ++port) {
      address_ = UdpAddress::of(ip, static_cast<std::uint16_t>(port + ::getpid() % 10'000)).value();
      auto opened = UdpListener::open(*address_);
      if (!opened && opened.error().code == EADDRINUSE) continue;
      ASSERT_TRUE(opened) << opened.error().message;
      listener_ = std::move(opened).value();
      return;
    }
  }

  void send(std::size_t length) {
    UdpAgent agent(*address_);
    const auto sent = agent.send(std::vector<std::uint8_t>(length, 'x'));
    ASSERT_TRUE(sent && sent.value() == UdpAgent::Outcome::Sent);
  }

  // The next datagram's length.
  std::size_t receive() {
    pollfd polled{listener_->fd(), POLLIN, 0};
    ::poll(&polled, 1, 10'000);
    std::array<UdpDatagram, 1> batch;
    const auto received = listener_->receive(batch);
    EXPECT_TRUE(received && received.value() == 1);
    return batch[0].bytes().size();
  }

  std::optional<UdpAddress> address_;
  std::unique_ptr<UdpListener> listener_;
};

TEST_F(UdpSockets, TellTheLengthOfWhatCameOrThatItWasTooLong) {
  listen();
  for (const std::size_t length : {0U, 1U, 31U, 32U, 60U, 64U, 65U}) {
    send(length);
    EXPECT_EQ(receive(), length);
  }
  send(1400);
  EXPECT_EQ(receive(), UdpDatagram::kMaxBytes + 1);
}

TEST_F(UdpSockets, GiveWhatWaitsInOrderAndInBatches) {
  listen();
  for (std::size_t length = 1; length <= 5; ++length) send(length);
  for (std::size_t length = 1; length <= 5; ++length) EXPECT_EQ(receive(), length);
}

TEST_F(UdpSockets, DoNotBlockWhenNothingWaits) {
  listen();
  std::array<UdpDatagram, 4> batch;
  const auto received = listener_->receive(batch);
  ASSERT_TRUE(received);
  EXPECT_EQ(received.value(), 0U);
}

TEST_F(UdpSockets, HoldNoMoreThanTheirQueueLength) {
  listen();
  UdpAgent agent(*address_);
  const std::size_t more = listener_->queue_length() + 1000;
  for (std::size_t i = 0; i < more; ++i) ASSERT_TRUE(agent.send({}));
  std::array<UdpDatagram, UdpListener::kMaxBatch> batch;
  std::size_t held = 0;
  for (;;) {
    const auto received = listener_->receive(batch);
    ASSERT_TRUE(received);
    if (received.value() == 0) break;
    held += received.value();
  }
  EXPECT_GT(held, 100U);
  EXPECT_LT(held, listener_->queue_length());
}

// Once they were not counted: 61,538 of 1,187,031 datagrams of a flood.
TEST_F(UdpSockets, CountWhatTheyHaveNoRoomFor) {
  listen();
  EXPECT_EQ(listener_->drops(), 0U);
  UdpAgent agent(*address_);
  const std::size_t sent = listener_->queue_length() + 1000;
  for (std::size_t i = 0; i < sent; ++i) ASSERT_TRUE(agent.send({}));
  const std::uint64_t drops = listener_->drops();
  EXPECT_GT(drops, 0U) << "no datagram has to come after them";
  std::array<UdpDatagram, UdpListener::kMaxBatch> batch;
  std::size_t held = 0;
  while (const std::size_t got = listener_->receive(batch).value()) held += got;
  EXPECT_EQ(held + drops, sent);
  EXPECT_EQ(listener_->drops(), drops) << "counted once";
}

TEST_F(UdpSockets, ShareTheirPortWithNobody) {
  listen();
  const auto second = UdpListener::open(*address_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another port"), std::string::npos)
      << second.error().message;
}

TEST_F(UdpSockets, WorkOverIpv6) {
  listen("::1");
  HB_NEEDS(listener_ != nullptr, "IPv6");
  send(32);
  EXPECT_EQ(receive(), 32U);
}

TEST_F(UdpSockets, TellAnAgentThatNobodyReceived) {
  listen();
  UdpAgent agent(*address_);
  ASSERT_TRUE(agent.send(std::vector<std::uint8_t>(32)));
  listener_.reset();
  ASSERT_TRUE(agent.send(std::vector<std::uint8_t>(32)));
  const auto refused = agent.send(std::vector<std::uint8_t>(32));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(address_->text()), std::string::npos);
}

TEST(UdpAddresses, AreReadAsTheyAreWritten) {
  for (const char* text : {"127.0.0.1:4711", "[::1]:4711", "0.0.0.0:1", "[2001:db8::7]:65535"}) {
    const auto address = UdpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address.value().text(), text);
  }
}

TEST(UdpAddresses, ThatAreNoneAreRefused) {
  for (const char* text :
       {"", ":", "localhost:4711", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
        "127.0.0.1:x", "127.1:4711", "::1:4711", "[127.0.0.1]:4711", "[::1]", "[]:4711",
        "127.0.0.1:-1", "127.0.0.1: 1", "[fe80::1%lo]:4711"}) {
    EXPECT_FALSE(UdpAddress::parse(text)) << text;
  }
}

TEST(UdpAddresses, KnowWhetherTheyLeaveThisHost) {
  const auto is_loopback = [](const char* ip) {
    return UdpAddress::of(ip, 1).value().is_loopback();
  };
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.3.2.1"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("::"));
  EXPECT_FALSE(is_loopback("192.0.2.1"));
}

}  // namespace
}  // namespace hb::test
