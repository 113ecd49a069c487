// Each fact of a stamp against a process that was made for it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/stat.h>
#include <time.h>

#include <array>
#include <atomic>
#include <thread>

#include "base/units.hpp"
#include "tests/kernel/attested_socket.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

constexpr int kShellsFd = 9;  // dash redirects to no higher one
constexpr char kFrame[HB_FRAME_BYTES + 1] = "0123456789abcdef0123456789abcdef";

std::uint32_t namespace_inode() {
  struct stat link {};
  ::stat("/proc/self/ns/pid", &link);
  return static_cast<std::uint32_t>(link.st_ino);
}

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

void send_frame(int fd) { ::send(fd, kFrame, HB_FRAME_BYTES, 0); }

class StampTest : public ::testing::Test {
 protected:
  // The stamp of the one frame that a child sends by `work(fd)`.
  template <typename Work>
  hb_stamp stamp_of(Work work, std::uint64_t clone_flags = 0) {
    const Fd sender = socket_.connected();
    Child child = Child::run([&] { work(sender.get()); }, clone_flags);
    pid_ = static_cast<std::uint32_t>(child.pid());
    EXPECT_EQ(child.wait(), 0);
    return only_stamp();
  }

  hb_stamp only_stamp() {
    const std::vector<hb_stamp> stamps = socket_.stamps();
    EXPECT_EQ(stamps.size(), 1U);
    return stamps.empty() ? hb_stamp{} : stamps.front();
  }

  void expect_at_home(const hb_stamp& stamp) {
    EXPECT_EQ(stamp.tgid, pid_);
    EXPECT_EQ(stamp.own_tgid, pid_);
    EXPECT_EQ(stamp.pid_ns_inode, namespace_inode());
  }

  AttestedSocket socket_;
  std::uint32_t pid_ = 0;
};

TEST_F(StampTest, NamesTheSender) {
  const hb_stamp stamp = stamp_of(send_frame);
  expect_at_home(stamp);
  EXPECT_EQ(stamp.flags & HB_STAMP_KERNEL_THREAD, 0U);
}

TEST_F(StampTest, CarriesTheFrame) {
  const hb_stamp stamp = stamp_of(send_frame);
  EXPECT_EQ(stamp.version, std::uint32_t{HB_STAMP_VERSION});
  EXPECT_EQ(std::memcmp(stamp.frame, kFrame, HB_FRAME_BYTES), 0);
  EXPECT_NE(stamp.skb, 0U);
}

TEST_F(StampTest, TellsWhenItWasSent) {
  const std::uint64_t before = clock_ns(CLOCK_MONOTONIC);
  const hb_stamp stamp = stamp_of(send_frame);
  EXPECT_GE(stamp.ktime_ns, before);
  EXPECT_LE(stamp.ktime_ns, clock_ns(CLOCK_MONOTONIC));
}

TEST_F(StampTest, GenerationIsTheStartOfTheProcess) {
  const std::uint64_t before = clock_ns(CLOCK_BOOTTIME);
  const hb_stamp stamp = stamp_of(send_frame);
  EXPECT_GE(stamp.generation_ns, before);
  EXPECT_LE(stamp.generation_ns, clock_ns(CLOCK_BOOTTIME));
}

TEST_F(StampTest, TwoProcessesHaveTwoGenerations) {
  const std::uint64_t first_ns = stamp_of(send_frame).generation_ns;
  EXPECT_LT(first_ns, stamp_of(send_frame).generation_ns);
}

TEST_F(StampTest, TellsTheOwner) {
  const hb_stamp stamp = stamp_of([](int fd) {
    if (::setresgid(1234, 1234, 1234) != 0 || ::setresuid(4321, 4321, 4321) != 0) ::_exit(1);
    send_frame(fd);
  });
  EXPECT_EQ(stamp.uid, 4321U);
  EXPECT_EQ(stamp.gid, 1234U);
}

TEST_F(StampTest, TellsTheCgroup) {
  const hb_stamp stamp = stamp_of(send_frame);
  struct stat directory {};
  // The root of the unified hierarchy, where one is mounted, is an ancestor or the cgroup itself.
  if (::stat("/sys/fs/cgroup/cgroup.procs", &directory) == 0 ||
      ::stat("/sys/fs/cgroup/unified/cgroup.procs", &directory) == 0) {
    EXPECT_NE(stamp.cgroup_id, 0U);
  }
}

TEST_F(StampTest, ThreadIsStampedAsItsProcess) {
  const hb_stamp stamp = stamp_of([](int fd) { std::thread(send_frame, fd).join(); });
  expect_at_home(stamp);
}

TEST_F(StampTest, ExitedMainThreadDoesNotMatter) {
  const hb_stamp stamp = stamp_of([](int fd) {
    const pid_t main_thread = ::gettid();
    std::thread([fd, main_thread] {
      const std::string stat = "/proc/self/task/" + std::to_string(main_thread) + "/stat";
      for (char state = ' '; state != 'Z';) {  // wait until it is a zombie
        std::array<char, 256> text{};
        const Fd file(::open(stat.c_str(), O_RDONLY | O_CLOEXEC));
        if (::read(file.get(), text.data(), text.size() - 1) > 0) {
          state = *(std::strrchr(text.data(), ')') + 2);
        }
      }
      send_frame(fd);
      ::_exit(0);
    }).detach();
    ::syscall(SYS_exit, 0);  // the thread alone
  });
  expect_at_home(stamp);
  EXPECT_NE(stamp.generation_ns, 0U);
}

TEST_F(StampTest, ExecKeepsProcessAndGeneration) {
  const Fd sender = socket_.connected();
  const std::string write = "printf %032d 0 >&" + std::to_string(kShellsFd);
  Child child = Child::run([&] {
    send_frame(sender.get());
    ::dup2(sender.get(), kShellsFd);
    ::execl("/bin/sh", "sh", "-c", write.c_str(), nullptr);
    ::_exit(1);
  });
  EXPECT_EQ(child.wait(), 0);
  const std::vector<hb_stamp> stamps = socket_.stamps();
  ASSERT_EQ(stamps.size(), 2U);
  EXPECT_EQ(stamps[0].tgid, stamps[1].tgid);
  EXPECT_EQ(stamps[0].generation_ns, stamps[1].generation_ns);
  EXPECT_EQ(stamps[1].frame[0], '0');  // the shell's
}

// de_thread(): the executing thread takes over the leader's pid, and must take over its start.
TEST_F(StampTest, ExecByAThreadKeepsProcessAndGeneration) {
  const Fd sender = socket_.connected();
  const std::string write = "printf %032d 0 >&" + std::to_string(kShellsFd);
  Child child = Child::run([&] {
    send_frame(sender.get());
    ::dup2(sender.get(), kShellsFd);
    std::thread([&] { ::execl("/bin/sh", "sh", "-c", write.c_str(), nullptr); }).join();
    ::_exit(1);
  });
  EXPECT_EQ(child.wait(), 0);
  const std::vector<hb_stamp> stamps = socket_.stamps();
  ASSERT_EQ(stamps.size(), 2U);
  EXPECT_EQ(stamps[0].tgid, stamps[1].tgid);
  EXPECT_EQ(stamps[0].generation_ns, stamps[1].generation_ns);
}

// nsproxy->pid_ns_for_children would name the new namespace here.
TEST_F(StampTest, UnshareWithoutForkKeepsTheNamespace) {
  const hb_stamp stamp = stamp_of([](int fd) {
    if (::unshare(CLONE_NEWPID) != 0) ::_exit(1);
    send_frame(fd);
  });
  expect_at_home(stamp);
}

TEST_F(StampTest, PrivateNamespaceHasTwoNumbers) {
  const hb_stamp home = stamp_of(send_frame);
  const hb_stamp stamp = stamp_of(send_frame, CLONE_NEWPID);
  EXPECT_EQ(stamp.tgid, pid_);
  EXPECT_EQ(stamp.own_tgid, 1U);
  EXPECT_NE(stamp.pid_ns_inode, home.pid_ns_inode);
  EXPECT_EQ(stamp.pid_ns_level, home.pid_ns_level + 1);
}

TEST_F(StampTest, NestedNamespaceIsSeenThroughAllLevels) {
  const hb_stamp home = stamp_of(send_frame);
  const Fd sender = socket_.connected();
  const auto innermost = [&] { send_frame(sender.get()); };
  const auto middle = [&] { Child::run(innermost, CLONE_NEWPID).wait(); };
  const auto outer = [&] { Child::run(middle, CLONE_NEWPID).wait(); };
  Child::run(outer, CLONE_NEWPID).wait();
  const hb_stamp stamp = only_stamp();
  EXPECT_EQ(stamp.own_tgid, 1U);
  EXPECT_GT(stamp.tgid, 1U);
  EXPECT_EQ(stamp.pid_ns_level, home.pid_ns_level + 3);
}

TEST_F(StampTest, ChildOfThePrivateNamespaceHasItsOwnNumber) {
  const Fd sender = socket_.connected();
  const auto second = [&] { send_frame(sender.get()); };
  Child::run([&] { Child::run(second).wait(); }, CLONE_NEWPID).wait();
  const hb_stamp stamp = only_stamp();
  EXPECT_EQ(stamp.own_tgid, 2U);
  EXPECT_NE(stamp.tgid, 2U);
}

// An observer inside a namespace cannot see processes beside it or above it.
TEST(ObserverInNamespace, DoesNotSeeOutside) {
  std::array<int, 2> ready{};
  std::array<int, 2> sent{};
  ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(sent.data(), O_CLOEXEC), 0);
  Child observer = Child::run(
      [&] {
        AttestedSocket socket;  // named after pid 1
        char token = 0;
        if (::write(ready[1], &token, 1) != 1 || ::read(sent[0], &token, 1) != 1) ::_exit(2);
        const std::vector<hb_stamp> stamps = socket.stamps();
        if (stamps.size() != 1) ::_exit(3);
        if (stamps[0].tgid != 0 || stamps[0].cred_pid != 0) ::_exit(4);
        if (stamps[0].own_tgid == 0) ::_exit(5);
        if (stamps[0].pid_ns_inode == socket.program().observer_ns_inode()) ::_exit(6);
      },
      CLONE_NEWPID);
  char token = 0;
  ASSERT_EQ(::read(ready[0], &token, 1), 1);
  const Fd network(::open(("/proc/" + std::to_string(observer.pid()) + "/ns/net").c_str(),
                          O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::setns(network.get(), CLONE_NEWNET), 0);  // the address is known there only
  socklen_t length = 0;
  const sockaddr_un address = abstract_address("hb-test-1", &length);
  const Fd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::sendto(sender.get(), kFrame, HB_FRAME_BYTES, 0,
                     reinterpret_cast<const sockaddr*>(&address), length),
            HB_FRAME_BYTES);
  ASSERT_EQ(::write(sent[1], &token, 1), 1);
  const int status = observer.wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace hb::test
