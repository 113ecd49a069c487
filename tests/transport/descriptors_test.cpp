// Descriptors passed over a socket pair arrive, and none of a message that had no room.
#include "transport/descriptors.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace hb {
namespace {

class Descriptors : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    ours_ = Fd(ends[0]);
    its_ = Fd(ends[1]);
    ASSERT_EQ(::pipe2(pipe_.data(), O_CLOEXEC), 0);
    reader_ = Fd(pipe_[0]);
    writer_ = Fd(pipe_[1]);
  }

  ssize_t send(std::span<const int> descriptors) {
    return send_with_descriptors(ours_.get(), word_, descriptors, MSG_DONTWAIT);
  }

  ssize_t receive(std::span<std::byte> bytes) {
    return receive_with_descriptors(its_.get(), bytes, received_, MSG_DONTWAIT);
  }

  // Whether nobody holds the pipe's writing end any more.
  bool writer_is_closed() {
    char byte = 0;
    return ::read(reader_.get(), &byte, 1) == 0;
  }

  Fd ours_, its_, reader_, writer_;
  std::array<int, 2> pipe_{};
  std::array<std::byte, 2> word_{std::byte{7}, std::byte{8}};
  std::array<std::byte, 2> got_{};
  ReceivedDescriptors received_;
};

TEST_F(Descriptors, ArriveInOrderAndCloseOnExec) {
  ASSERT_EQ(send(pipe_), 2);
  ASSERT_EQ(receive(got_), 2);
  EXPECT_EQ(got_, word_);
  ASSERT_TRUE(received_[0] && received_[1]);
  EXPECT_FALSE(received_[2]);
  EXPECT_EQ(::fcntl(received_[0].get(), F_GETFD), FD_CLOEXEC);
  ASSERT_EQ(::write(received_[1].get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(received_[0].get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST_F(Descriptors, AMessageWithoutAnyLeavesNone) {
  ASSERT_EQ(send({}), 2);
  ASSERT_EQ(receive(got_), 2);
  EXPECT_FALSE(received_[0]);
}

TEST_F(Descriptors, TooManyAreNotSent) {
  const std::vector<int> many(kMostDescriptors + 1, writer_.get());
  EXPECT_EQ(send(many), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(receive(got_), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(Descriptors, OfAMessageThatIsTooLongAreClosed) {
  ASSERT_EQ(send({&pipe_[1], 1}), 2);
  writer_.reset();
  EXPECT_EQ(receive(std::span(got_).first(1)), -1);
  EXPECT_EQ(errno, EMSGSIZE);
  EXPECT_FALSE(received_[0]);
  EXPECT_TRUE(writer_is_closed());
}

TEST_F(Descriptors, TheEndOfTheOtherSideIsZero) {
  ours_.reset();
  EXPECT_EQ(receive(got_), 0);
}

}  // namespace
}  // namespace hb
