// The table of senders: the last attempt of each process until it exits, without eviction.
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <cstdio>
#include <deque>
#include <string>
#include <string_view>
#include <thread>

#include "intake/sender_attempts.hpp"
#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/frames.hpp"
#include "tests/kernel/now.hpp"
#include "tests/support/child.hpp"
#include "tests/support/eventually.hpp"

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

// --- Names ---

constexpr int kShellsFd = 9;  // sh takes no higher one

void name_this_thread(const char* comm) { ::prctl(PR_SET_NAME, comm); }

class NameTest : public SenderTableTest {
 protected:
  // A process that does this and lives on; and its stamp.
  template <typename Work>
  hb_stamp stamp_of(Work work) {
    children_.push_back(Child::run([&] {
      work();
      ::pause();
    }));
    return next_stamp();
  }

  hb_stamp next_stamp() {
    std::vector<hb_stamp> stamps;
    while (stamps.empty()) stamps = socket_.stamps();
    return stamps.back();
  }

  std::string comm_of(const hb_stamp& stamp) {
    return std::string(attempts_.comm(stamp.slot, stamp.generation_ns).view());
  }

  // Sends until it goes by that name: a name is copied once in 1.07 s.
  bool is_called_after_a_while(const hb_stamp& stamp, std::string_view comm) {
    for (int times = 0; times < 200; ++times) {
      send();
      if (comm_of(stamp) == comm) return true;
      ::usleep(50'000);
    }
    return false;
  }

  // As printf(1) takes it.
  static std::string in_octal(const Frame& frame) {
    std::string text;
    for (const char byte : frame) {
      char digits[5];
      std::snprintf(digits, sizeof(digits), "\\%03o", static_cast<unsigned char>(byte));
      text += digits;
    }
    return text;
  }

  std::deque<Child> children_;
};

TEST_F(NameTest, IsThatOfTheProcess) {
  const hb_stamp stamp = stamp_of([&] {
    name_this_thread("an agent");
    send();
  });
  EXPECT_EQ(comm_of(stamp), "an agent");
}

TEST_F(NameTest, HasUpToFifteenBytes) {
  const hb_stamp stamp = stamp_of([&] {
    name_this_thread("123456789012345678");
    send();
  });
  EXPECT_EQ(comm_of(stamp), "123456789012345");
}

TEST_F(NameTest, IsOfTheGroupLeaderIfAThreadSends) {
  const hb_stamp stamp = stamp_of([&] {
    name_this_thread("leader");
    std::thread([&] {
      name_this_thread("thread");
      send();
    }).join();
  });
  EXPECT_EQ(comm_of(stamp), "leader");
}

TEST_F(NameTest, MayBeAnyBytes) {
  const hb_stamp stamp = stamp_of([&] {
    name_this_thread("\xff\n\"$(x)");
    send();
  });
  EXPECT_EQ(comm_of(stamp), "\xff\n\"$(x)");
}

TEST_F(NameTest, IsReadAgainAfterAWhile) {
  char before[HB_COMM_BYTES];
  ::prctl(PR_GET_NAME, before);
  send();
  const hb_stamp stamp = only_stamp();
  EXPECT_EQ(comm_of(stamp), before);
  name_this_thread("another");
  EXPECT_TRUE(is_called_after_a_while(stamp, "another"));
  name_this_thread(before);
}

// The shell sends the same frame, as it has the same pid.
TEST_F(NameTest, IsReadAgainAfterAnExec) {
  const hb_stamp stamp = stamp_of([&] {
    send();
    const std::string beat = "printf '" + in_octal(own_frame()) + "' >&";
    const std::string beats =
        "while :; do " + beat + std::to_string(kShellsFd) + "; sleep 0.1; done";
    ::dup2(sender_.get(), kShellsFd);
    ::execl("/bin/sh", "sh", "-c", beats.c_str(), nullptr);
  });
  EXPECT_TRUE(eventually([&] {
    socket_.received();
    return comm_of(stamp) == "sh";
  }));
}

TEST_F(NameTest, IsNotKnownOfAProcessThatHasNotAttempted) {
  const hb_stamp stamp = stamp_of([&] { send_frame(sender_.get(), Frame{}); });
  EXPECT_EQ(comm_of(stamp), "");
}

TEST_F(NameTest, IsForgottenWithTheProcess) {
  const hb_stamp stamp = stamp_of([&] { send(); });
  EXPECT_NE(comm_of(stamp), "");
  children_.clear();
  EXPECT_EQ(comm_of(stamp), "");
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
