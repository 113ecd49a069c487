// The table of senders: the last attempt of each process until it exits, without eviction.
#include <gtest/gtest.h>

#include <deque>

#include "intake/sender_attempts.hpp"
#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/frames.hpp"
#include "tests/kernel/now.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

class SenderTableTest : public ::testing::Test {
 protected:
  explicit SenderTableTest(const kernel::Config& config = {}) : socket_(config) {}

  // This process is the sender, unless a test makes another.
  void send() { send_frame(sender_.get(), own_frame()); }

  hb_stamp only_stamp() {
    const auto stamps = socket_.stamps();
    EXPECT_EQ(stamps.size(), 1U);
    return stamps.empty() ? hb_stamp{} : stamps.front();
  }
  std::optional<LastAttempt> attempt_of(const hb_stamp& stamp) {
    return attempts_.last_attempt(stamp.slot, stamp.generation_ns);
  }
  std::uint64_t drops(hb_drop reason) { return socket_.program().counters().drops[reason]; }

  AttestedSocket socket_;
  intake::SenderAttempts attempts_{socket_.program().senders()};
  Fd sender_ = socket_.connected();
};

TEST_F(SenderTableTest, HasTheTimeOfTheLastAttempt) {
  send();
  const hb_stamp stamp = only_stamp();
  ASSERT_TRUE(attempt_of(stamp));
  EXPECT_EQ(attempt_of(stamp)->at_ns, stamp.ktime_ns);
  const std::uint64_t between_ns = now_ns();
  send();
  EXPECT_GE(attempt_of(stamp)->at_ns, between_ns);
}

TEST_F(SenderTableTest, DistinguishesTwoProcesses) {
  send();
  const hb_stamp own = only_stamp();
  Child::run([&] { send(); }).wait();
  const hb_stamp childs = only_stamp();
  EXPECT_EQ(attempt_of(own)->at_ns, own.ktime_ns);
  EXPECT_NE(own.slot, childs.slot);
}

TEST_F(SenderTableTest, ForgetsAProcessThatHasEnded) {
  Child::run([&] { send(); }).wait();
  EXPECT_FALSE(attempt_of(only_stamp()));
}

TEST_F(SenderTableTest, DoesNotKnowAnotherGeneration) {
  send();
  hb_stamp stamp = only_stamp();
  stamp.generation_ns++;
  EXPECT_FALSE(attempt_of(stamp));
}

// Junk, or a frame that claims another pid, is no attempt.
TEST_F(SenderTableTest, JunkIsNoAttempt) {
  send_frame(sender_.get(), Frame{});
  EXPECT_FALSE(attempt_of(only_stamp()));
}

TEST_F(SenderTableTest, AForgeryIsNoAttempt) {
  send_frame(sender_.get(), frame_that_claims(static_cast<std::uint32_t>(::getppid())));
  EXPECT_FALSE(attempt_of(only_stamp()));
}

// In a PID namespace of its own an agent is 1, and claims that.
TEST_F(SenderTableTest, AnAgentInAContainerAttempts) {
  Child child = Child::run(
      [&] {
        send();
        ::pause();
      },
      CLONE_NEWPID);
  std::vector<hb_stamp> stamps;
  while (stamps.empty()) stamps = socket_.stamps();
  EXPECT_TRUE(attempt_of(stamps.front()));
}

// --- Attempts that fail ---

class FullRingTest : public SenderTableTest {
 protected:
  FullRingTest() : SenderTableTest({.ring_bytes = 4096}) {
    send();
    stamp_ = only_stamp();
    while (drops(HB_DROP_RING_FULL) == 0) send_frame(sender_.get(), Frame{});
  }

  hb_stamp stamp_{};
};

TEST_F(FullRingTest, LeavesTheAttemptAndItsReason) {
  const std::uint64_t before_ns = now_ns();
  send();
  EXPECT_GE(attempt_of(stamp_)->at_ns, before_ns);
  EXPECT_EQ(attempt_of(stamp_)->reason, Unheard::RingFull);
}

TEST_F(FullRingTest, IsNotTheReasonOfAStampedAttempt) {
  EXPECT_EQ(attempt_of(stamp_)->at_ns, stamp_.ktime_ns);
  EXPECT_EQ(attempt_of(stamp_)->reason, Unheard::QueueFull) << "if it did not come";
}

class RateLimitedTest : public SenderTableTest {
 protected:
  RateLimitedTest() : SenderTableTest({.max_beat_rate = 10}) {}
};

TEST_F(RateLimitedTest, LeavesTheAttemptAndItsReason) {
  send();
  const hb_stamp stamp = only_stamp();
  while (drops(HB_DROP_RATE_LIMITED) == 0) send();
  EXPECT_GT(attempt_of(stamp)->at_ns, stamp.ktime_ns);
  EXPECT_EQ(attempt_of(stamp)->reason, Unheard::RateLimited);
}

// --- A table that is full ---

class FullTableTest : public SenderTableTest {
 protected:
  static constexpr std::size_t kSenders = 16;

  // This process sent first; then others until one was refused, all of them alive.
  FullTableTest() : SenderTableTest({.senders = kSenders}) {
    send();
    stamp_ = only_stamp();
    while (drops(HB_DROP_NO_SLOT) == 0 && children_.size() < 2 * kSenders) add_sender();
  }

  void add_sender() {
    int done[2];
    ASSERT_EQ(::pipe(done), 0);
    children_.push_back(Child::run([&] {
      send();
      ::close(done[0]);
      ::close(done[1]);
      ::pause();
    }));
    ::close(done[1]);
    char none = 0;
    EXPECT_EQ(::read(done[0], &none, 1), 0);  // it has sent
    ::close(done[0]);
  }

  hb_stamp stamp_{};
  std::deque<Child> children_;
};

TEST_F(FullTableTest, RefusesNewProcessesAndCountsThem) {
  EXPECT_EQ(drops(HB_DROP_NO_SLOT), 1U);
  EXPECT_EQ(children_.size(), kSenders);
  add_sender();
  EXPECT_EQ(drops(HB_DROP_NO_SLOT), 2U);
}

// The map of senders was once an LRU: children of another user evicted agents.
TEST_F(FullTableTest, EvictsNoProcess) {
  EXPECT_EQ(attempt_of(stamp_)->at_ns, stamp_.ktime_ns);
  socket_.stamps();
  send();
  EXPECT_EQ(only_stamp().slot, stamp_.slot);
}

TEST_F(FullTableTest, AcceptsANewProcessWhenAnotherHasEnded) {
  children_.pop_front();
  const std::uint64_t refused = drops(HB_DROP_NO_SLOT);
  add_sender();
  EXPECT_EQ(drops(HB_DROP_NO_SLOT), refused);
}

}  // namespace
}  // namespace hb::test
