// Receiving by the listener, and sending by the agent.
#include <filesystem>

#include "tests/transport/transport_fixture.hpp"

namespace hb::test {
namespace {

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_F(Transport, ReceivesAFrameAndItsCredentials) {
  bind_well();
  const auto frame = bytes(HB_FRAME_BYTES);
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  const auto received = receive();
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].kind, Kind::Frame);
  EXPECT_TRUE(std::equal(frame.begin(), frame.end(), received[0].bytes.begin()));
  EXPECT_EQ(received[0].credentials,
            (Credentials{static_cast<std::uint32_t>(::getpid()), ::getuid(), ::getgid()}));
}

TEST_F(Transport, ReturnsZeroWhenNothingIsQueued) {
  bind_well();
  EXPECT_TRUE(receive().empty());
}

TEST_F(Transport, ReceivesInTheOrderOfTheQueue) {
  bind_well();
  for (std::uint8_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(agent_.send(std::vector<std::uint8_t>(HB_FRAME_BYTES, i)));
  }
  const auto received = receive();
  ASSERT_EQ(received.size(), 8U);
  for (std::uint8_t i = 0; i < 8; ++i) EXPECT_EQ(received[i].bytes[0], i);
}

TEST_F(Transport, TakesNoMoreThanThereIsRoomFor) {
  bind_well();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send(HB_FRAME_BYTES));
  const auto first = listener_->receive({batch_.data(), 2});
  ASSERT_TRUE(first);
  EXPECT_EQ(first.value(), 2U);
  EXPECT_EQ(receive().size(), 3U);
}

TEST_F(Transport, KnowsEveryOtherLength) {
  bind_well();
  for (const std::size_t length : {0U, 1U, 31U, 33U, 64U, 65507U}) {
    ASSERT_TRUE(send(length)) << length;
    EXPECT_EQ(receive_one(), Kind::WrongLength) << length;
  }
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  EXPECT_EQ(receive_one(), Kind::Frame);
}

// From Linux 6.16 on the sender gets EPERM; on older kernels they are truncated on receipt.
TEST_F(Transport, SendersOfDescriptorsGetEperm) {
  bind_well();
  const Fd sender = raw_sender();
  const bool sent = send_with_descriptors(sender.get(), HB_FRAME_BYTES, 1);
  const int code = errno;
  EXPECT_NE(sent, knows_pass_rights());
  if (sent) {
    EXPECT_EQ(receive_one(), Kind::CtrlTruncated);
  } else {
    EXPECT_EQ(code, EPERM);
    EXPECT_TRUE(receive().empty());
  }
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  EXPECT_EQ(receive_one(), Kind::Frame);
}

TEST_F(Transport, NoticesPassedDescriptors) {
  bind_as_on_old_kernels();
  const Fd sender = raw_sender();
  ASSERT_TRUE(send_with_descriptors(sender.get(), HB_FRAME_BYTES, 1));
  EXPECT_EQ(receive_one(), Kind::CtrlTruncated);
  ASSERT_TRUE(send_with_descriptors(sender.get(), 5, 253));
  EXPECT_EQ(receive_one(), Kind::CtrlTruncated);
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  EXPECT_EQ(receive_one(), Kind::Frame);
}

TEST_F(Transport, NeverOpensAPassedDescriptor) {
  bind_as_on_old_kernels();
  const Fd sender = raw_sender();
  const std::size_t before = open_descriptors();
  std::size_t received = 0;
  while (received < 100'000) {
    while (send_with_descriptors(sender.get(), HB_FRAME_BYTES, 3)) {
    }
    received += receive().size();
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Transport, ResetsTheStateOfEarlierDatagrams) {
  bind_as_on_old_kernels();
  const Fd sender = raw_sender();
  ASSERT_TRUE(send_with_descriptors(sender.get(), 33, 1));
  ASSERT_TRUE(send(33));
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  const auto received = receive();
  ASSERT_EQ(received.size(), 3U);
  EXPECT_EQ(received[0].kind, Kind::CtrlTruncated);
  EXPECT_EQ(received[1].kind, Kind::WrongLength);
  EXPECT_EQ(received[2].kind, Kind::Frame);
  EXPECT_EQ(received[2].credentials.pid, static_cast<std::uint32_t>(::getpid()));
}

// Once credentials were read up to cmsg_len, beyond msg_controllen. No kernel reports such a
// message, but the code must not rely on it.
TEST(ReceivedDatagram, HasNoCredentialsIfTheyAreCutOff) {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> control{};
  mmsghdr received{};
  received.msg_hdr.msg_control = control.data();
  received.msg_hdr.msg_controllen = control.size();
  received.msg_len = HB_FRAME_BYTES;
  cmsghdr* header = CMSG_FIRSTHDR(&received.msg_hdr);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_CREDENTIALS;
  header->cmsg_len = CMSG_LEN(sizeof(ucred));
  Datagram datagram;
  describe(received, datagram);
  EXPECT_EQ(datagram.kind, Kind::Frame);
  received.msg_hdr.msg_controllen = CMSG_LEN(0);
  describe(received, datagram);
  EXPECT_EQ(datagram.kind, Kind::NoCredentials);
}

TEST_F(Transport, AgentSaysThatTheQueueIsFull) {
  bind_well();
  while (send(HB_FRAME_BYTES)) {
  }
  const auto sent = agent_.send(bytes(HB_FRAME_BYTES));
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent.value(), UnixAgent::Outcome::QueueFull);
}

TEST_F(Transport, AgentNamesTheObserverItCannotReach) {
  const auto sent = agent_.send(bytes(HB_FRAME_BYTES));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ENOENT);
  EXPECT_NE(sent.error().message.find(path_), std::string::npos);
}

TEST_F(Transport, AgentFindsTheObserverAgain) {
  bind_well();
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  listener_.reset();
  EXPECT_FALSE(send(HB_FRAME_BYTES));
  bind_well();
  EXPECT_TRUE(send(HB_FRAME_BYTES));
  EXPECT_EQ(receive_one(), Kind::Frame);
}

}  // namespace
}  // namespace hb::test
