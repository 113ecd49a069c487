// Flooders send what their kind says, as the given users, and end with their owner; honest agents
// report how they ended.
#include "lab/bench/flooder.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <stdexcept>

#include "base/units.hpp"
#include "lab/bench/descriptor_senders.hpp"
#include "lab/bench/honest_agents.hpp"
#include "tests/lab/bench_fixture.hpp"
#include "transport/unix_address.hpp"

namespace hb::bench {
namespace {

constexpr std::uint32_t kUid = 65001;

// What a socket of the test's own receives: anything, from anybody, with their credentials.
class FlooderTest : public BenchTest {
 protected:
  void SetUp() override {
    BenchTest::SetUp();
    path_ = lab_.socket("flooded");
    const auto address = unix_address(path_);
    ASSERT_TRUE(address);
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    const timeval patience{10, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    const auto* where = reinterpret_cast<const sockaddr*>(&address.value());
    ASSERT_EQ(::bind(socket_.get(), where, sizeof(sockaddr_un)), 0);
  }
  void TearDown() override {
    socket_.reset();
    ::unlink(path_.c_str());
    BenchTest::TearDown();
  }

  struct Datagram {
    std::vector<std::uint8_t> bytes;
    ucred sender{};
    bool has_descriptor = false;
  };

  // The next one; an empty sender when none comes.
  Datagram receive(int flags = 0) const {
    std::array<std::uint8_t, 8192> bytes{};
    alignas(cmsghdr) std::array<std::byte, 256> control{};
    iovec vector{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t length = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | flags);
    Datagram datagram;
    if (length < 0) return datagram;
    datagram.bytes.assign(bytes.begin(), bytes.begin() + length);
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
      if (one->cmsg_type == SCM_CREDENTIALS) {
        std::memcpy(&datagram.sender, CMSG_DATA(one), sizeof(ucred));
      } else if (one->cmsg_type == SCM_RIGHTS) {
        int passed = -1;
        std::memcpy(&passed, CMSG_DATA(one), sizeof(passed));
        const linger not_at_all{0, 0};
        ::setsockopt(passed, SOL_SOCKET, SO_LINGER, &not_at_all, sizeof(not_at_all));
        ::close(passed);
        datagram.has_descriptor = true;
      }
    }
    return datagram;
  }

  // What a flood has left in the queue.
  void drain() const {
    while (receive(MSG_DONTWAIT).sender.pid != 0) {
    }
  }

  Flooder flood(FloodKind kind, std::vector<std::uint32_t> uids = {kUid},
                std::uint64_t longest_ns = 60 * kNsPerSecond) const {
    Flood flood;
    flood.kind = kind;
    flood.uids = std::move(uids);
    flood.processes = 1;
    flood.longest_ns = longest_ns;
    flood.victim = static_cast<std::uint32_t>(::getpid());
    auto started = Flooder::start(path_, flood);
    if (!started) throw std::runtime_error(started.error().message);
    return std::move(started).value();
  }

  // Pids that have sent, once there are so many of them.
  std::set<pid_t> senders(std::size_t count) const {
    std::set<pid_t> senders;
    while (senders.size() < count) {
      const Datagram datagram = receive();
      if (datagram.bytes.empty()) break;
      senders.insert(datagram.sender.pid);
    }
    return senders;
  }

  static std::optional<vlp::Frame> frame_in(const Datagram& datagram) {
    if (datagram.bytes.size() != vlp::kFrameBytes) return std::nullopt;
    const auto decoded =
        vlp::decode(std::span<const std::uint8_t, vlp::kFrameBytes>(datagram.bytes));
    const auto* frame = std::get_if<vlp::Frame>(&decoded);
    return frame != nullptr ? std::optional(*frame) : std::nullopt;
  }

  std::string path_;
  Fd socket_;
};

TEST_F(FlooderTest, SendsAsEveryOneOfItsUsers) {
  const Flooder flooder = flood(FloodKind::LongLived, {65001, 65002, 65003});
  std::set<uid_t> uids;
  for (int i = 0; i < 10'000'000 && uids.size() < 3; ++i) uids.insert(receive().sender.uid);
  EXPECT_EQ(uids, (std::set<uid_t>{65001, 65002, 65003}));
}

TEST_F(FlooderTest, ForksAndClonesSendUnderPidsOfTheirOwn) {
  for (const FloodKind kind : {FloodKind::Fork, FloodKind::CloneVm, FloodKind::Orphans}) {
    Flooder flooder = flood(kind);
    EXPECT_EQ(senders(3).size(), 3U) << name(kind);
    EXPECT_TRUE(flooder.stop());
    EXPECT_GE(flooder.total().processes, 3U) << name(kind);
    drain();
  }
}

TEST_F(FlooderTest, LongLivedOnesSendFramesOfTheirOwn) {
  const Flooder flooder = flood(FloodKind::LongLived);
  for (int i = 0; i < 100; ++i) {
    const Datagram datagram = receive();
    const auto frame = frame_in(datagram);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->pid, static_cast<std::uint32_t>(datagram.sender.pid));
  }
}

TEST_F(FlooderTest, JunkHasTheLengthOfAFrameAndIsInvalid) {
  const Flooder flooder = flood(FloodKind::Junk);
  for (int i = 0; i < 100; ++i) {
    const Datagram datagram = receive();
    EXPECT_EQ(datagram.bytes.size(), vlp::kFrameBytes);
    EXPECT_FALSE(frame_in(datagram));
  }
}

TEST_F(FlooderTest, WrongLengthsAreWrong) {
  const Flooder flooder = flood(FloodKind::WrongLength);
  for (int i = 0; i < 100; ++i) EXPECT_NE(receive().bytes.size(), vlp::kFrameBytes);
}

TEST_F(FlooderTest, DescriptorsArePassed) {
  for (const FloodKind kind : {FloodKind::Descriptors, FloodKind::Linger}) {
    Flooder flooder = flood(kind);
    const Datagram datagram = receive();
    EXPECT_TRUE(datagram.has_descriptor) << name(kind);
    EXPECT_TRUE(frame_in(datagram)) << name(kind);
    EXPECT_TRUE(flooder.stop());
    drain();
  }
}

TEST_F(FlooderTest, ForgersClaimTheirVictim) {
  const Flooder flooder = flood(FloodKind::Forged);
  const Datagram datagram = receive();
  ASSERT_TRUE(frame_in(datagram));
  EXPECT_EQ(frame_in(datagram)->pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_NE(datagram.sender.pid, ::getpid());
}

TEST_F(FlooderTest, RootForgesCredentialsToo) {
  const Flooder flooder = flood(FloodKind::ForgedCredentials, {0});
  EXPECT_EQ(receive().sender.pid, ::getpid());
}

TEST_F(FlooderTest, StopsWhenItIsTold) {
  Flooder flooder = flood(FloodKind::LongLived);
  senders(1);
  const auto stopped = flooder.stop();
  EXPECT_TRUE(stopped) << stopped.error().message;
  EXPECT_GT(flooder.total().taken, 0U);
  EXPECT_EQ(flooder.total().tried,
            flooder.total().taken + flooder.total().full + flooder.total().failed);
}

// By an observer, which calls them silent and may be right.
TEST_F(FlooderTest, MayBeKilled) {
  Flooder flooder = flood(FloodKind::LongLived);
  ::kill(*senders(1).begin(), SIGKILL);
  EXPECT_TRUE(flooder.stop());
}

// A sender blocks on a full queue only for a bounded time.
TEST_F(FlooderTest, StopsBeforeAFullQueueToo) {
  for (const FloodKind kind : kFloodKinds) {
    Flooder flooder = flood(kind, {kind == FloodKind::ForgedCredentials ? 0 : kUid});
    const auto stopped = flooder.stop();
    EXPECT_TRUE(stopped) << name(kind) << ": " << stopped.error().message;
  }
}

TEST_F(FlooderTest, StopsByItself) {
  flood(FloodKind::LongLived, {kUid}, kNsPerMs);
  const Flooder flooder = flood(FloodKind::Junk, {kUid}, kNsPerMs);
  std::uint64_t before = 0;
  do {
    before = flooder.total().tried;
    sleep_until_ns(now_ns() + 200 * kNsPerMs);
  } while (flooder.total().tried != before);
  SUCCEED();
}

TEST_F(FlooderTest, WithoutAnObserverDoesNotStart) {
  Flood flood;
  flood.uids = {kUid};
  EXPECT_FALSE(Flooder::start(lab_.socket("nobody"), flood));
}

// A change of credentials clears PR_SET_PDEATHSIG; the owner is killed where it has no say.
TEST_F(FlooderTest, DiesWithItsOwner) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto owner = lab::Child::start([&](lab::Line& line) {
    const Flooder flooder = flood(FloodKind::LongLived);
    return line.hold();
  });
  ASSERT_TRUE(owner) << owner.error().message;
  const pid_t flooder = *senders(1).begin();
  ::kill(owner.value().pid(), SIGKILL);
  EXPECT_TRUE(ends(flooder));
}

// --- Honest agents ---

class HonestAgentsTest : public FlooderTest {
 protected:
  HonestAgents start(const std::vector<HonestAgents::Manner>& manners) const {
    auto agents = HonestAgents::start(lab_, path_, manners);
    if (!agents) throw std::runtime_error(agents.error().message);
    return std::move(agents).value();
  }

  static constexpr HonestAgents::Manner kFast{kUid, 10 * kNsPerMs, true};
};

TEST_F(HonestAgentsTest, BeatAsTheirUser) {
  HonestAgents agents = start({kFast});
  for (std::uint64_t nonce = 1; nonce <= 10; ++nonce) {
    const Datagram datagram = receive();
    const auto frame = frame_in(datagram);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->nonce, nonce);
    EXPECT_EQ(frame->pid, agents.pid(0));
    EXPECT_EQ(datagram.sender.uid, kUid);
    EXPECT_GT(agents.tried_at(0, nonce), 0U);
  }
}

TEST_F(HonestAgentsTest, EndWellWhenTheyAreAsked) {
  HonestAgents agents = start({kFast, kFast});
  socket_.reset();  // wakes blocked senders
  EXPECT_EQ(agents.end(), (std::vector{HonestAgents::End::Well, HonestAgents::End::Well}));
}

TEST_F(HonestAgentsTest, TellWhoWasKilled) {
  HonestAgents agents = start({kFast, kFast});
  const std::uint32_t killed = agents.pid(1);
  ::kill(static_cast<pid_t>(killed), SIGKILL);
  socket_.reset();
  EXPECT_EQ(agents.end(), (std::vector{HonestAgents::End::Well, HonestAgents::End::Killed}));
  EXPECT_EQ(agents.find(killed), 1U) << "it is still known by its pid";
}

TEST_F(HonestAgentsTest, BeatNoMoreOnceTheyHang) {
  HonestAgents agents = start({kFast});
  receive();
  ASSERT_TRUE(agents.hang(0));
  const std::uint64_t last_ns = agents.last_tried_at(0);
  sleep_until_ns(now_ns() + 100 * kNsPerMs);
  EXPECT_EQ(agents.last_tried_at(0), last_ns);
  agents.resume(0);
  socket_.reset();
  EXPECT_EQ(agents.end(), std::vector{HonestAgents::End::Well});
}

// Nobody reads, so the queue is soon full.
TEST_F(HonestAgentsTest, CountWhatFoundNoRoom) {
  const HonestAgents agents = start({{kUid, kNsPerMs, false}});
  const std::uint64_t deadline_ns = now_ns() + kPatience_ns;
  while (agents.full(0) == 0 && now_ns() < deadline_ns) sleep_until_ns(now_ns() + kNsPerMs);
  EXPECT_GT(agents.full(0), 0U);
}

}  // namespace
}  // namespace hb::bench
