// StampedSource with the real program and ring, and a queue that the test fills: limits of one
// call, and a queue that is never empty.
#include "intake/stamped_source.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>

#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/now.hpp"

namespace hb::test {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kSecond = 1'000 * kMs;
constexpr std::uint64_t kRecordBytes = sizeof(hb_stamp) + 8;
constexpr std::uint64_t kRecordsPerCall = 1'024;

class Queue final : public Receiver {
 public:
  Result<std::size_t> receive(std::span<Datagram> batch) override {
    while (is_flooded_ && waiting_.size() < batch.size()) waiting_.push_back(junk());
    const std::size_t count = std::min(batch.size(), waiting_.size());
    std::copy_n(waiting_.begin(), count, batch.begin());
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }

  void put(const Datagram& datagram) { waiting_.push_back(datagram); }
  void flood() { is_flooded_ = true; }  // from now on it never runs dry

 private:
  static Datagram junk() {
    Datagram datagram;
    datagram.kind = Datagram::Kind::WrongLength;
    return datagram;
  }

  std::deque<Datagram> waiting_;
  bool is_flooded_ = false;
};

class StampedSourceTest : public ::testing::Test {
 protected:
  // Stamps of this process with this content; the real queue takes some, and nobody reads that. The
  // source's clock is theirs from then on.
  void attempt(std::uint8_t content, int times) {
    const FrameBytes bytes = frame(content).bytes;
    for (int i = 0; i < times; i++) {
      ::send(sender_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    }
    now_ns_ = std::max(now_ns_, test::now_ns());
  }

  static Datagram frame(std::uint8_t content) {
    Datagram datagram;
    datagram.bytes.fill(content);
    datagram.credentials = {static_cast<std::uint32_t>(::getpid()), ::getuid(), ::getgid()};
    return datagram;
  }

  std::optional<Reception> next() { return source_.next(now_ns_); }
  // Of datagrams that carry no frame, while there are any.
  void take(int count) {
    for (int i = 0; i < count; i++) ASSERT_TRUE(next().has_value());
  }
  [[nodiscard]] bool wants_to_go_on() const { return source_.wake_ns(now_ns_) == now_ns_; }
  [[nodiscard]] std::uint64_t read_to() { return socket_.program().ring().read_to(); }

  kernel::Config config_{.queue_length = 100};
  AttestedSocket socket_{config_};
  Fd sender_ = socket_.connected();
  Queue queue_;
  std::uint64_t now_ns_ = 1'000 * kSecond;
  intake::StampedSource source_{socket_.program(), queue_, config_, {1, 2}, now_ns_};
};

// Once one call read the whole ring, up to 32 MiB, before signals were handled.
TEST_F(StampedSourceTest, LargeBacklogIsReadInSlicesBeforeTheFrameIsJudged) {
  attempt(1, 5'000);
  attempt(2, 1);
  queue_.put(frame(2));
  std::optional<Reception> reception;
  int calls = 0;
  do {
    const std::uint64_t before = read_to();
    reception = next();
    EXPECT_LE(read_to() - before, kRecordsPerCall * kRecordBytes);
    ASSERT_TRUE(reception || wants_to_go_on());
    calls++;
  } while (!reception);
  EXPECT_EQ(calls, 5);
  ASSERT_TRUE(std::holds_alternative<Arrival>(*reception));
  EXPECT_TRUE(std::holds_alternative<Identity>(std::get<Arrival>(*reception).attestation));
}

TEST_F(StampedSourceTest, RingIsReadToItsEndAlsoWhenNothingIsReceived) {
  attempt(1, 5'000);
  int calls = 0;
  do {
    EXPECT_FALSE(next().has_value());
    calls++;
  } while (wants_to_go_on() && calls < 100);
  EXPECT_EQ(read_to(), socket_.program().ring().reserved_to());
  EXPECT_GT(source_.wake_ns(now_ns_), now_ns_);
}

TEST_F(StampedSourceTest, SmallBacklogTakesOneCall) {
  attempt(1, 3);
  queue_.put(frame(1));
  ASSERT_TRUE(next().has_value());
  EXPECT_EQ(read_to(), socket_.program().ring().reserved_to());
}

// The kernel program has kept none without a stamp, so nothing explains this one.
TEST_F(StampedSourceTest, FrameWithoutAStampIsRefusedAfterItsWait) {
  queue_.put(frame(1));
  EXPECT_FALSE(next().has_value());
  now_ns_ += config_.stamp_wait_ns;
  const auto reception = next();
  ASSERT_TRUE(reception && std::holds_alternative<Arrival>(*reception));
  const auto& attestation = std::get<Arrival>(*reception).attestation;
  ASSERT_TRUE(std::holds_alternative<Unattested>(attestation));
  EXPECT_EQ(std::get<Unattested>(attestation), Unattested::NoStamp);
}

TEST_F(StampedSourceTest, HorizonFollowsAQueueThatRunsDry) {
  EXPECT_FALSE(next().has_value());
  EXPECT_EQ(source_.horizon_ns(), now_ns_);
  queue_.put(frame(1));
  attempt(1, 1);
  now_ns_ += kSecond;
  ASSERT_TRUE(next().has_value());
  EXPECT_FALSE(next().has_value());
  EXPECT_EQ(source_.horizon_ns(), now_ns_);
}

TEST_F(StampedSourceTest, HorizonStandsWhileAFrameInsideIsNotJudged) {
  EXPECT_FALSE(next().has_value());
  const std::uint64_t before_ns = now_ns_;
  now_ns_ += kMs;
  queue_.put(frame(1));  // and no stamp
  for (int i = 0; i < 10; i++) {
    EXPECT_FALSE(next().has_value());
    EXPECT_EQ(source_.horizon_ns(), before_ns);
    now_ns_ += kMs;
  }
  now_ns_ += config_.stamp_wait_ns;
  ASSERT_TRUE(next().has_value());
  EXPECT_FALSE(next().has_value());
  EXPECT_EQ(source_.horizon_ns(), now_ns_);
}

TEST_F(StampedSourceTest, HorizonMovesInAFlood) {
  queue_.flood();
  take(1);
  now_ns_ += kSecond;
  const std::uint64_t then_ns = now_ns_;
  for (int i = 0; i < 10; i++, now_ns_ += kMs) take(64);
  EXPECT_GE(source_.horizon_ns(), then_ns);
  EXPECT_LT(source_.horizon_ns(), now_ns_);
}

// Once stamps expired only when the queue was empty, so in a flood that never let it run empty they
// stayed until the table was full.
TEST_F(StampedSourceTest, OrphansExpireInAFlood) {
  attempt(1, 500);
  queue_.flood();
  take(64);
  EXPECT_EQ(source_.counters().waiting, 500U);
  for (int i = 0; i < 70; i++, now_ns_ += 100 * kMs) take(64);
  EXPECT_EQ(source_.counters().waiting, 0U);
  EXPECT_EQ(source_.counters().correlator.orphaned, 500U);
}

TEST_F(StampedSourceTest, OrphansDoNotExpireBeforeTheirTime) {
  attempt(1, 500);
  queue_.flood();
  take(64);
  for (int i = 0; i < 40; i++, now_ns_ += 100 * kMs) take(64);
  EXPECT_EQ(source_.counters().waiting, 500U);
}

}  // namespace
}  // namespace hb::test
