// The two ends of the Unix socket, within one process; needs no privilege.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "bpf/child.hpp"
#include "e2e/process.hpp"
#include "transport/unix_address.hpp"
#include "transport/unix_agent.hpp"
#include "transport/unix_listener.hpp"

namespace hb::test {
namespace {

using Kind = Datagram::Kind;
using Outcome = UnixAgent::Outcome;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

mode_t mode_of(const std::string& path) {
  struct stat seen {};
  return ::lstat(path.c_str(), &seen) == 0 ? seen.st_mode & 07777 : 0;
}

std::vector<std::uint8_t> bytes(std::size_t count) { return std::vector<std::uint8_t>(count, 'x'); }

class Transport : public ::testing::Test {
 protected:
  Status bind(const std::string& path, mode_t mode = 0600) {
    auto opened = UnixListener::open();
    if (!opened) return opened.error();
    listener_ = std::move(opened).value();
    return listener_->bind({path, mode, std::nullopt});
  }

  void bind_well() {
    const auto bound = bind(path_);
    ASSERT_TRUE(bound) << bound.error().message;
  }

  std::string refusal(const std::string& path) {
    const auto bound = bind(path);
    return bound ? "" : bound.error().message;
  }

  bool send(std::size_t length) {
    const auto sent = agent_.send(bytes(length));
    return sent && sent.value() == Outcome::Queued;
  }

  // Connected, without UnixAgent between us and the kernel.
  Fd raw_sender() {
    Fd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = unix_address(path_);
    EXPECT_EQ(::connect(sender.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                        sizeof(sockaddr_un)),
              0);
    return sender;
  }

  bool send_with_descriptors(int sender, std::size_t length, int count) {
    const std::vector<int> passed(static_cast<std::size_t>(count), STDERR_FILENO);
    const std::size_t size = passed.size() * sizeof(int);
    std::vector<std::uint8_t> data = bytes(length);
    std::vector<char> control(CMSG_SPACE(size));
    iovec vector{data.data(), data.size()};
    msghdr header{};
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* message = CMSG_FIRSTHDR(&header);
    message->cmsg_level = SOL_SOCKET;
    message->cmsg_type = SCM_RIGHTS;
    message->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(message), passed.data(), size);
    return ::sendmsg(sender, &header, MSG_DONTWAIT) >= 0;
  }

  // What waits, at most a batch of it.
  std::span<const Datagram> receive() {
    const auto received = listener_->receive(batch_);
    EXPECT_TRUE(received);
    return {batch_.data(), received ? received.value() : 0};
  }

  Kind receive_one() {
    const auto received = receive();
    EXPECT_EQ(received.size(), 1U);
    return received.empty() ? Kind::NoCredentials : received[0].kind;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("hb.sock");
  std::unique_ptr<UnixListener> listener_;
  UnixAgent agent_{path_};
  std::array<Datagram, UnixListener::kMaxBatch> batch_;
};

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

TEST_F(Transport, SaysThatNothingWaits) {
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

TEST_F(Transport, NoticesPassedDescriptors) {
  bind_well();
  const Fd sender = raw_sender();
  ASSERT_TRUE(send_with_descriptors(sender.get(), HB_FRAME_BYTES, 1));
  EXPECT_EQ(receive_one(), Kind::CtrlTruncated);
  ASSERT_TRUE(send_with_descriptors(sender.get(), 5, 253));
  EXPECT_EQ(receive_one(), Kind::CtrlTruncated);
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  EXPECT_EQ(receive_one(), Kind::Frame);
}

TEST_F(Transport, NeverOpensAPassedDescriptor) {
  bind_well();
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

TEST_F(Transport, ForgetsWhatADatagramBeforeSaid) {
  bind_well();
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

TEST_F(Transport, HasTheModeItWasTold) {
  for (const mode_t mode : {0600, 0660, 0666, 0622}) {
    ASSERT_TRUE(bind(path_, mode));
    EXPECT_EQ(mode_of(path_), mode);
    listener_.reset();
  }
}

TEST_F(Transport, LeavesTheUmaskAlone) {
  const mode_t before = ::umask(027);
  bind_well();
  EXPECT_EQ(::umask(before), mode_t{027});
}

TEST_F(Transport, BelongsToTheGroupItWasTold) {
  auto opened = UnixListener::open();
  ASSERT_TRUE(opened);
  const auto bound = opened.value()->bind({path_, 0660, ::getegid()});
  ASSERT_TRUE(bound) << bound.error().message;
  struct stat seen {};
  ASSERT_EQ(::stat(path_.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_gid, ::getegid());
  EXPECT_EQ(mode_of(path_), mode_t{0660});
}

TEST_F(Transport, MakesTheDirectory) {
  ASSERT_TRUE(bind(directory_.path("new/hb.sock")));
  EXPECT_EQ(mode_of(directory_.path("new")), mode_t{0755});
}

TEST_F(Transport, DoesNotMakeTwoDirectories) {
  EXPECT_NE(refusal(directory_.path("new/newer/hb.sock")).find("mkdir -p"), std::string::npos);
}

TEST_F(Transport, RemovesWhatItMade) {
  bind_well();
  listener_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path(".")));
}

TEST_F(Transport, RemovesOnlyItsOwnSocket) {
  bind_well();
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  std::ofstream(path_) << "precious";
  EXPECT_TRUE(listener_->withdraw());
  listener_.reset();
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(Transport, SaysWhyItCannotRemoveItsSocket) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may";
  ASSERT_TRUE(bind(directory_.path("d/hb.sock")));
  ::chmod(directory_.path("d").c_str(), 0555);
  const auto withdrawn = listener_->withdraw();
  ::chmod(directory_.path("d").c_str(), 0755);
  EXPECT_FALSE(withdrawn);
}

// What kill -9 leaves: a socket file and a lock file, and nobody behind them.
TEST_F(Transport, ReplacesWhatADeadObserverLeft) {
  Child::run([&] {
    bind_well();
    ::kill(::getpid(), SIGKILL);
  }).wait();
  ASSERT_TRUE(std::filesystem::is_socket(path_));
  bind_well();
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  EXPECT_EQ(receive_one(), Kind::Frame);
}

TEST_F(Transport, NeverTouchesALiveListener) {
  bind_well();
  auto other = UnixListener::open();
  ASSERT_TRUE(other);
  const auto bound = other.value()->bind({path_, 0600, std::nullopt});
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().message.find(path_), std::string::npos);
  EXPECT_NE(bound.error().message.find("stop it"), std::string::npos);
  other.value().reset();
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  EXPECT_EQ(receive_one(), Kind::Frame);
}

// A program that knows nothing of our lock.
class Stranger {
 public:
  Stranger(const std::string& path, int type) : socket_(::socket(AF_UNIX, type, 0)) {
    const auto address = unix_address(path);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                     sizeof(sockaddr_un)),
              0);
    if (type == SOCK_STREAM) ::listen(socket_.get(), 1);
  }

 private:
  Fd socket_;
};

TEST_F(Transport, NeverTouchesALiveStranger) {
  for (const int type : {SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET}) {
    const Stranger stranger(path_, type);
    EXPECT_NE(refusal(path_).find("live process"), std::string::npos) << type;
    EXPECT_TRUE(std::filesystem::is_socket(path_));
    ::unlink(path_.c_str());
  }
}

TEST_F(Transport, NeverTouchesWhatIsNoSocket) {
  std::ofstream(path_) << "precious";
  EXPECT_NE(refusal(path_).find("not a socket"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
}

TEST_F(Transport, FollowsNoLink) {
  const Stranger stranger(directory_.path("other"), SOCK_DGRAM);
  std::filesystem::create_symlink(directory_.path("other"), path_);
  EXPECT_NE(refusal(path_).find("not a socket"), std::string::npos);
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(directory_.path("victim"), path_ + ".lock");
  EXPECT_NE(refusal(path_), "");
  EXPECT_FALSE(std::filesystem::exists(directory_.path("victim")));
}

TEST_F(Transport, RefusesAPathThatDoesNotFit) {
  EXPECT_NE(refusal(directory_.path(std::string(108, 'x'))).find("at most 107"), std::string::npos);
}

// Whoever starts at the same instant: one wins, and the socket is the winner's.
TEST_F(Transport, LetsExactlyOneWin) {
  for (int round = 0; round < 20; ++round) {
    int result[2];
    int gate[2];
    ASSERT_EQ(::pipe(result), 0);
    ASSERT_EQ(::pipe(gate), 0);
    std::vector<Child> contenders;
    for (int i = 0; i < 8; ++i) {
      contenders.push_back(Child::run([&] {
        ::close(gate[1]);
        char go;
        [[maybe_unused]] auto closed = ::read(gate[0], &go, 1);
        const char won = bind(path_) ? 'w' : 'l';
        [[maybe_unused]] auto told = ::write(result[1], &won, 1);
        ::pause();
      }));
    }
    ::close(gate[0]);
    ::close(gate[1]);
    std::string results;
    for (char c; results.size() < 8 && ::read(result[0], &c, 1) == 1;) results.push_back(c);
    EXPECT_EQ(std::count(results.begin(), results.end(), 'w'), 1);
    EXPECT_TRUE(send(HB_FRAME_BYTES));
    contenders.clear();
    ::close(result[0]);
    ::close(result[1]);
  }
}

TEST_F(Transport, AgentSaysThatTheQueueIsFull) {
  bind_well();
  while (send(HB_FRAME_BYTES)) {
  }
  const auto sent = agent_.send(bytes(HB_FRAME_BYTES));
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent.value(), Outcome::QueueFull);
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
