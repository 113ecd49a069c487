// The rate limit of one process, and that others are not affected.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <thread>
#include <vector>

#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/now.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

constexpr char kFrame[HB_FRAME_BYTES + 1] = "0123456789abcdef0123456789abcdef";
constexpr std::uint64_t kRate = 100;

class SenderLimitTest : public ::testing::Test {
 protected:
  void send(int times) {
    for (int i = 0; i < times; ++i) ::send(sender_.get(), kFrame, HB_FRAME_BYTES, MSG_DONTWAIT);
  }

  // In a process of its own.
  void send_elsewhere(int times) {
    Child::run([&] { send(times); }).wait();
  }

  std::uint64_t stamps() {
    const std::uint64_t now = socket_.program().counters().stamps;
    return now - std::exchange(before_, now);
  }
  std::uint64_t limited() { return socket_.program().counters().drops[HB_DROP_RATE_LIMITED]; }

  AttestedSocket socket_{{.max_beat_rate = kRate}};
  Fd sender_ = socket_.connected();
  std::uint64_t before_ = 0;
};

// At the limit for the time it took, and a second's worth at once. Whenever others hold this
// process up, the last send makes up for it.
TEST_F(SenderLimitTest, HoldsInTheLongRun) {
  const std::uint64_t began_ns = now_ns();
  send(10);
  const std::uint64_t first_ns = now_ns();
  while (now_ns() - first_ns < 700'000'000) send(10);
  send(2 * kRate);
  const auto seconds = static_cast<double>(now_ns() - began_ns) / 1e9;
  const auto sent = static_cast<double>(stamps());
  EXPECT_LE(sent, kRate * (1 + seconds) + 2);
  EXPECT_GE(sent, kRate * (1 + 0.7) - 2);
  EXPECT_GT(limited(), 0U);
}

TEST_F(SenderLimitTest, LetsABurstOfOneSecondThrough) {
  send_elsewhere(100);
  EXPECT_EQ(stamps(), 100U);
  EXPECT_EQ(limited(), 0U);
}

TEST_F(SenderLimitTest, IsEachProcessesOwn) {
  send(1000);
  stamps();
  send_elsewhere(50);
  EXPECT_EQ(stamps(), 50U);
}

// A thousand times its share, by eight threads that race for it.
TEST_F(SenderLimitTest, IsOneForAllThreads) {
  const std::uint64_t began_ns = now_ns();
  Child::run([&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { send(12'500); });
    for (auto& thread : threads) thread.join();
  }).wait();
  const auto seconds = static_cast<double>(now_ns() - began_ns) / 1e9;
  EXPECT_LE(static_cast<double>(stamps()), kRate * (1 + seconds) + 2 + 8);
}

TEST_F(SenderLimitTest, TakesNoRoomInTheRing) {
  send(10'000);
  EXPECT_LE(socket_.stamps().size(), 300U);
  EXPECT_EQ(socket_.program().counters().drops[HB_DROP_RING_FULL], 0U);
}

TEST(SenderLimit, IsOffUnlessAskedFor) {
  AttestedSocket socket;
  const Fd sender = socket.connected();
  for (int i = 0; i < 5000; ++i) ::send(sender.get(), kFrame, HB_FRAME_BYTES, MSG_DONTWAIT);
  EXPECT_EQ(socket.program().counters().stamps, 5000U);
}

// More senders than there are entries, one after the other: each that ends makes room.
TEST(SenderLimit, EndedProcessesFreeTheirEntries) {
  AttestedSocket socket({.max_beat_rate = kRate, .senders = 64});
  const Fd sender = socket.connected();
  for (int i = 0; i < 300; ++i) {
    Child::run([&] { ::send(sender.get(), kFrame, HB_FRAME_BYTES, MSG_DONTWAIT); }).wait();
  }
  EXPECT_EQ(socket.program().counters().stamps, 300U);
}

}  // namespace
}  // namespace hb::test
