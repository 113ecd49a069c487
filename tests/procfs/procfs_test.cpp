// Attestation by /proc, and the queue length.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <deque>
#include <fstream>
#include <vector>

#include "intake/procfs_source.hpp"
#include "procfs/namespace_link.hpp"
#include "procfs/process_stat.hpp"
#include "procfs/queue_length.hpp"
#include "procfs/user_ids.hpp"
#include "tests/support/child.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/own_network.hpp"

namespace hb::test {
namespace {

TEST(UserIds, AreThoseOfTheProcess) {
  Child child = Child::run([] { ::pause(); });
  const auto pid = static_cast<std::uint32_t>(child.pid());
  EXPECT_EQ(real_uid_of(pid), ::getuid());
  ::kill(child.pid(), SIGKILL);
  child.wait();
  EXPECT_EQ(real_uid_of(pid), std::nullopt);
}

TEST(UserIds, AreTheRealOnes) {
  HB_NEEDS_ROOT();
  Child child = Child::run([] {
    if (::setresuid(65533, 65532, 65531) != 0) ::_exit(70);
    ::_exit(real_uid_of(static_cast<std::uint32_t>(::getpid())) == 65533 ? 42 : 71);
  });
  EXPECT_EQ(WEXITSTATUS(child.wait()), 42);
}

// Its /proc belongs to another PID namespace, where that pid is another process.
TEST(UserIds, AreNotKnownWhereProcIsOfAnotherPidNamespace) {
  HB_NEEDS_ROOT();
  const auto knows = [] { ::_exit(real_uid_of(1) ? 71 : 42); };
  Child child = Child::run(knows, CLONE_NEWPID);
  EXPECT_EQ(WEXITSTATUS(child.wait()), 42);
}

TEST(UserIds, AreInitialButInAUserNamespaceOfOnesOwn) {
  const auto initial = own_uids_are_initial();
  ASSERT_TRUE(initial) << initial.error().message;
  HB_NEEDS(initial.value(), "the initial user namespace");
  HB_NEEDS_ROOT();
  const auto ask = [] {
    const auto still = own_uids_are_initial();
    ::_exit(still && !still.value() ? 42 : 71);
  };
  Child child = Child::run(ask, CLONE_NEWUSER);
  EXPECT_EQ(WEXITSTATUS(child.wait()), 42);
}

constexpr const char* kQueueLengthFile = "/proc/sys/net/unix/max_dgram_qlen";

// A socket that says what it is told, a batch at a time.
class ScriptedReceiver final : public Receiver {
 public:
  void add(Datagram::Kind kind, std::uint32_t pid = 0) {
    Datagram datagram;
    datagram.kind = kind;
    datagram.credentials.pid = pid;
    queue_.push_back(datagram);
  }
  void fail(int code) { code_ = code; }

  Result<std::size_t> receive(std::span<Datagram> batch) override {
    if (code_ != 0) return Error{"scripted", std::exchange(code_, 0)};
    std::size_t count = 0;
    for (; count < batch.size() && !queue_.empty(); ++count) {
      batch[count] = queue_.front();
      queue_.pop_front();
    }
    return count;
  }

 private:
  std::deque<Datagram> queue_;
  int code_ = 0;
};

bool is_unreadable(const Attestation& attestation) {
  const auto* why = std::get_if<Unattested>(&attestation);
  return why != nullptr && *why == Unattested::Unreadable;
}

class Procfs : public ::testing::Test {
 protected:
  Attestation attested(std::uint32_t pid) {
    receiver_.add(Datagram::Kind::Frame, pid);
    const auto reception = source_.next(1);
    EXPECT_TRUE(reception && std::holds_alternative<Arrival>(*reception));
    return std::get<Arrival>(*reception).attestation;
  }

  ScriptedReceiver receiver_;
  intake::ProcfsSource source_{receiver_, 0, 10};
};

std::uint32_t dead_pid() {
  Child child = Child::run([] {});
  const auto pid = static_cast<std::uint32_t>(child.pid());
  child.wait();
  return pid;
}

TEST_F(Procfs, NamesAProcessAndItsNamespace) {
  struct stat link {};
  ASSERT_EQ(::stat("/proc/self/ns/pid", &link), 0);
  const auto sender = attested(static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(std::holds_alternative<Identity>(sender));
  EXPECT_EQ(std::get<Identity>(sender).tgid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(std::get<Identity>(sender).pid_ns_inode, link.st_ino);
  EXPECT_EQ(own_pid_namespace().value(), link.st_ino);
}

TEST_F(Procfs, CannotAttestAProcessThatHasEnded) {
  EXPECT_TRUE(is_unreadable(attested(dead_pid())));
}

TEST_F(Procfs, CannotAttestAProcessOfAnInvisibleNamespace) {
  EXPECT_TRUE(is_unreadable(attested(0)));
}

TEST_F(Procfs, NeverRanksAboveTheSocketMode) {
  receiver_.add(Datagram::Kind::Frame, static_cast<std::uint32_t>(::getpid()));
  const auto reception = source_.next(1);
  EXPECT_EQ(std::get<Arrival>(*reception).origin, BeatOrigin::SocketModeOnly);
}

TEST_F(Procfs, PassesOnWhatIsNoFrame) {
  receiver_.add(Datagram::Kind::WrongLength);
  receiver_.add(Datagram::Kind::CtrlTruncated);
  receiver_.add(Datagram::Kind::NoCredentials);
  EXPECT_TRUE(std::holds_alternative<Dropped>(*source_.next(1)));
  EXPECT_TRUE(std::holds_alternative<AncillaryTruncated>(*source_.next(1)));
  EXPECT_TRUE(is_unreadable(std::get<Arrival>(*source_.next(1)).attestation));
  EXPECT_FALSE(source_.next(1));
}

TEST_F(Procfs, PassesOnAFailure) {
  receiver_.fail(ENOMEM);
  const auto reception = source_.next(1);
  ASSERT_TRUE(reception);
  EXPECT_EQ(std::get<ReceiveFailed>(*reception).error.code, ENOMEM);
  EXPECT_FALSE(source_.next(2));
}

TEST_F(Procfs, HasReadUpToTheInstantAtWhichNothingWaited) {
  receiver_.add(Datagram::Kind::WrongLength);
  EXPECT_TRUE(source_.next(5));
  EXPECT_EQ(source_.horizon_ns(), 0U) << "more may wait";
  EXPECT_FALSE(source_.next(7));
  EXPECT_EQ(source_.horizon_ns(), 7U);
}

// A flood that never lets the queue run dry must not hide a silence for ever.
TEST_F(Procfs, HasReadUpToSomewhereInAFlood) {
  std::uint64_t now_ns = 1;
  for (int i = 0; i < 1000; ++i) {
    for (int j = 0; j < 80; ++j) receiver_.add(Datagram::Kind::WrongLength);
    for (int j = 0; j < 70; ++j) ASSERT_TRUE(source_.next(now_ns));
    now_ns += 10;
  }
  EXPECT_GT(source_.horizon_ns(), now_ns - 100);
  EXPECT_LT(source_.horizon_ns(), now_ns);
}

std::uint64_t queue_length_now() {
  std::uint64_t length = 0;
  std::ifstream(kQueueLengthFile) >> length;
  return length;
}

class QueueLengthTest : public ::testing::Test {
 protected:
  void SetUp() override { HB_NEEDS(network_.is_made(), "root"); }

  const OwnNetwork network_;
  const std::uint64_t before_ = queue_length_now();
};

TEST_F(QueueLengthTest, IsRaisedForAWhile) {
  {
    const QueueLength queue(before_ + 100);
    EXPECT_EQ(queue_length_now(), before_ + 100);
    EXPECT_EQ(queue.in_force(), before_ + 100);
    EXPECT_FALSE(queue.problem());
  }
  EXPECT_EQ(queue_length_now(), before_);
}

TEST_F(QueueLengthTest, IsNeverLowered) {
  const QueueLength queue(1);
  EXPECT_EQ(queue_length_now(), before_);
  EXPECT_EQ(queue.in_force(), before_);
}

// Otherwise the later one would restore the value that the earlier one has raised.
TEST_F(QueueLengthTest, IsRaisedByOneAtATime) {
  QueueLength first(before_ + 100);
  Child second = Child::run([this] {
    const QueueLength later(before_ + 200);
    ::usleep(60'000);
  });
  ::usleep(20'000);
  first.restore();
  EXPECT_EQ(second.wait(), 0);
  EXPECT_EQ(queue_length_now(), before_);
}

TEST_F(QueueLengthTest, IsWhatItWasAfterManyAtOnce) {
  std::vector<Child> observers;
  for (std::uint64_t i = 1; i <= 8; ++i) {
    observers.push_back(Child::run([=, this] {
      for (int round = 0; round < 20; ++round) QueueLength(before_ + 10 * i);
    }));
  }
  for (Child& observer : observers) EXPECT_EQ(observer.wait(), 0);
  EXPECT_EQ(queue_length_now(), before_);
}

TEST(ProcessStat, IsThatOfWhoeverOpenedIt) {
  const Fd stat = open_own_stat();
  const auto own = read_stat(stat);
  ASSERT_TRUE(own);
  EXPECT_GT(own->resident_bytes, 0U);
  EXPECT_GE(own->virtual_bytes, own->resident_bytes);
  EXPECT_GE(own->threads, 1U);
  EXPECT_NEAR(own->start_unix_s, static_cast<double>(::time(nullptr)), 600);
  Child other = Child::run([&] {
    const auto seen = read_stat(stat);
    ::_exit(seen && seen->virtual_bytes >= own->resident_bytes ? 0 : 1);
  });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_FALSE(read_stat(Fd()));
}

}  // namespace
}  // namespace hb::test
