// What the checks of `hb-ebpf exec` say of a port, a file and a command.
#include "exec/check.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <ctime>
#include <fstream>

#include "base/fd.hpp"
#include "tests/support/child.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

using std::chrono::milliseconds;

// As the beater does it.
void reap(exec::Check& check) {
  siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    const pid_t pid = info.si_pid;
    check.before_reaping(pid);
    int status = 0;
    ::waitpid(pid, &status, 0);
    check.take_end(pid, status);
    info = {};
  }
}

// "": it holds. "?": there was no answer.
std::string ask(exec::Check& check) {
  std::optional<Result<>> answer;
  check.begin();
  eventually([&] {
    reap(check);
    answer = check.answer();
    return answer.has_value();
  });
  if (!answer) return "?";
  return *answer ? "" : answer->error().message;
}

class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  void listen() { EXPECT_EQ(::listen(socket_.get(), 8), 0); }
  [[nodiscard]] UdpAddress address() const { return UdpAddress::of("127.0.0.1", port_).value(); }

 private:
  Fd socket_;
  std::uint16_t port_ = 0;
};

TEST(TcpCheck, HoldsWhereSomebodyListens) {
  Listener listener;
  const auto check = exec::check_tcp(listener.address());
  EXPECT_EQ(check->name(), "check-tcp " + listener.address().text());
  EXPECT_NE(ask(*check).find("refused"), std::string::npos);
  listener.listen();
  EXPECT_EQ(ask(*check), "");
  EXPECT_EQ(ask(*check), "") << "again";
}

// Of a new network namespace.
bool bring_loopback_up() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::string("lo").copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  request.ifr_flags = IFF_UP;
  return ::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0;
}

// With few ports to choose from the kernel soon gives the socket that is to connect the very port
// that it is to connect to, and then it reaches itself.
TEST(TcpCheck, FailsWhereItReachesOnlyItself) {
  HB_NEEDS_ROOT();
  Child child = Child::run(
      [] {
        if (!bring_loopback_up()) ::_exit(1);
        std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
        if (!(range << "40000 40003" << std::flush)) ::_exit(2);
        const auto check = exec::check_tcp(UdpAddress::of("127.0.0.1", 40'002).value());
        bool has_reached_itself = false;
        for (int tries = 0; tries < 1000; ++tries) {
          const std::string answer = ask(*check);
          if (answer.empty()) ::_exit(3);
          has_reached_itself = has_reached_itself || answer == "nobody listens there";
        }
        ::_exit(has_reached_itself ? 0 : 4);
      },
      CLONE_NEWNET);
  EXPECT_EQ(WEXITSTATUS(child.wait()), 0);
}

class FileAgeCheck : public ::testing::Test {
 protected:
  void change(std::chrono::seconds ago) {
    std::ofstream(path_) << "alive\n";
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const timespec times[] = {{0, UTIME_OMIT}, {now.tv_sec - ago.count(), now.tv_nsec}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("alive");
  const std::unique_ptr<exec::Check> check_ = exec::check_file_age(path_, std::chrono::hours(1));
};

TEST_F(FileAgeCheck, HoldsForOneThatWasJustChanged) {
  change(std::chrono::seconds(0));
  EXPECT_EQ(ask(*check_), "");
}

TEST_F(FileAgeCheck, FailsForAnOldOne) {
  change(std::chrono::hours(2));
  EXPECT_NE(ask(*check_).find("it was changed 72"), std::string::npos);
}

TEST_F(FileAgeCheck, FailsForOneThatWasChangedInTheFuture) {
  change(std::chrono::minutes(-50));
  EXPECT_EQ(ask(*check_), "it was changed in the future");
}

TEST_F(FileAgeCheck, FailsWhereThereIsNone) {
  EXPECT_NE(ask(*check_).find("cannot look at it"), std::string::npos);
}

TEST(CommandCheck, HoldsIfTheCommandEndsWithZero) {
  const auto check = exec::check_command("exit 0");
  EXPECT_EQ(ask(*check), "");
  EXPECT_EQ(ask(*check), "") << "again";
}

TEST(CommandCheck, TellsHowItFailed) {
  EXPECT_EQ(ask(*exec::check_command("exit 3")), "it ended with 3");
  EXPECT_EQ(ask(*exec::check_command("kill -TERM $$")), "it was ended by signal 15");
  EXPECT_EQ(ask(*exec::check_command("no-such-command-here")), "it ended with 127");
}

pid_t pid_in(const std::string& path) {
  pid_t pid = 0;
  std::ifstream(path) >> pid;
  return pid;
}

bool is_gone(pid_t pid) { return ::kill(pid, 0) != 0; }

// Else each round would leave another one behind.
TEST(CommandCheck, WhatItLeavesBehindIsKilled) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL), 0);
  const TemporaryDirectory directory;
  const std::string path = directory.path("pid");
  const auto check = exec::check_command("sleep 1000 & echo $! > " + path);
  EXPECT_EQ(ask(*check), "");
  const pid_t left = pid_in(path);
  ASSERT_GT(left, 0);
  EXPECT_TRUE(eventually([&] {
    reap(*check);
    return is_gone(left);
  }));
}

TEST(CommandCheck, OneThatIsAbandonedIsKilledWithAllThatItHasStarted) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL), 0);
  const TemporaryDirectory directory;
  const std::string path = directory.path("pid");
  const auto check = exec::check_command("sleep 1000 & echo $! > " + path + "; wait");
  check->begin();
  ASSERT_TRUE(eventually([&] { return pid_in(path) > 0; }));
  const pid_t started = pid_in(path);
  check->abandon();
  EXPECT_TRUE(eventually([&] {
    reap(*check);
    return is_gone(started);
  }));
  EXPECT_FALSE(check->answer()) << "an end that nobody asked for any more";
}

}  // namespace
}  // namespace hb::test
