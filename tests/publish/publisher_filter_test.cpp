#include "publish/publisher_filter.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

#include "tests/support/child.hpp"

namespace hb::test {
namespace {

// errno of what it does behind the filter; 0: it succeeds.
int error_of(const std::function<long()>& work) {
  Child child = Child::run([&] {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!refuse_what_a_publisher_needs_not()) ::_exit(255);
    errno = 0;
    ::_exit(work() < 0 ? errno : 0);
  });
  const int status = child.wait();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(PublisherFilter, RefusesWhatReachesOthers) {
  char* const none[] = {nullptr};
  const pid_t other = ::getpid();
  EXPECT_EQ(error_of([&] { return ::execve("/bin/true", none, none); }), EPERM);
  EXPECT_EQ(error_of([&] { return ::kill(other, 0); }), EPERM);
  EXPECT_EQ(error_of([&] { return ::syscall(SYS_tgkill, other, other, 0); }), EPERM);
  EXPECT_EQ(error_of([] { return ::syscall(SYS_pidfd_send_signal, -1, 0, 0, 0); }), EPERM);
  EXPECT_EQ(error_of([] { return ::syscall(SYS_ptrace, 0, 0, 0, 0); }), EPERM);
  EXPECT_EQ(error_of([] { return ::syscall(SYS_bpf, 0, 0, 0); }), EPERM);
  EXPECT_EQ(error_of([] { return ::syscall(SYS_io_uring_setup, 1, 0); }), EPERM);
  EXPECT_EQ(error_of([] { return ::socket(AF_INET, SOCK_DGRAM, 0); }), EPERM);
  EXPECT_EQ(error_of([] { return ::connect(-1, nullptr, 0); }), EPERM);
  EXPECT_EQ(error_of([] { return ::bind(-1, nullptr, 0); }), EPERM);
  EXPECT_EQ(error_of([] { return ::mount("none", "/", nullptr, MS_REMOUNT, nullptr); }), EPERM);
  EXPECT_EQ(error_of([] { return ::unshare(CLONE_FILES); }), EPERM);
  EXPECT_EQ(error_of([] { return ::setns(-1, 0); }), EPERM);
}

TEST(PublisherFilter, RefusesToWriteFiles) {
  for (const int flags : {O_WRONLY, O_RDWR, O_RDWR | O_CLOEXEC, O_CREAT, O_TRUNC}) {
    EXPECT_EQ(error_of([&] { return ::open("/dev/null", flags, 0600); }), EPERM) << flags;
  }
  EXPECT_EQ(error_of([] { return ::mkdir("/dev/null/x", 0700); }), EPERM);
  EXPECT_EQ(error_of([] { return ::unlink("/dev/null/x"); }), EPERM);
}

TEST(PublisherFilter, LeavesWhatThePublisherNeeds) {
  EXPECT_EQ(error_of([] { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }), 0);
  EXPECT_EQ(error_of([] { return ::syscall(SYS_pidfd_open, ::getpid(), 0); }), 0);
  EXPECT_EQ(error_of([] { return ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }), 0);
  EXPECT_EQ(error_of([] { return ::syscall(SYS_tgkill, ::getpid(), ::gettid(), 0); }), 0);
  EXPECT_EQ(error_of([] {
              int ends[2];
              return ::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
            }),
            0);
  EXPECT_EQ(error_of([] {
              const pid_t pid = ::fork();
              if (pid == 0) ::_exit(0);
              return ::waitpid(pid, nullptr, 0);
            }),
            0);
}

}  // namespace
}  // namespace hb::test
