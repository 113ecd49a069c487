// Signals that dump core, in the table of senders until the process has ended. A tracer stops the
// process just before that (PTRACE_EVENT_EXIT, in do_exit()), so nothing has to dump for long.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <thread>

#include "intake/sender_attempts.hpp"
#include "tests/kernel/attested_socket.hpp"
#include "tests/kernel/frames.hpp"
#include "tests/kernel/now.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

// The last stop of a process, as waitpid(2) says it.
constexpr int kEndStop = SIGTRAP | PTRACE_EVENT_EXIT << 8;

class FatalTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kEntries = 16;

  void SetUp() override {
    ASSERT_FALSE(socket_.program().fatal_problem()) << socket_.program().fatal_problem()->message;
  }

  void TearDown() override { end(); }

  // A child that sends, stops, and then does `work`, traced.
  template <typename Work>
  void begin(Work work, std::uint64_t clone_flags = 0) {
    child_.emplace(Child::run(
        [&] {
          const rlimit none{0, 0};
          ::setrlimit(RLIMIT_CORE, &none);
          ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
          send_frame(sender_.get(), own_frame());
          ::raise(SIGSTOP);
          work();
        },
        clone_flags));
    ASSERT_EQ(next_stop(), SIGSTOP);
    ::ptrace(PTRACE_SETOPTIONS, child_->pid(), nullptr, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
    const auto stamps = socket_.stamps();
    ASSERT_EQ(stamps.size(), 1U);
    stamp_ = stamps.front();
    go_on();
  }

  // A signal that it gets, or kEndStop; 0: it has ended.
  int next_stop() {
    int status = 0;
    if (::waitpid(child_->pid(), &status, __WALL) < 0 || !WIFSTOPPED(status)) return 0;
    return status >> 8;
  }
  void go_on(int signal = 0) { ::ptrace(PTRACE_CONT, child_->pid(), nullptr, signal); }

  // SIGKILL does not end a process in its last stop.
  void end() {
    if (child_) go_on();
    child_.reset();
  }

  // Delivers what it gets until it is about to end.
  bool reaches_its_end() {
    int stop = next_stop();
    for (; stop != 0 && stop != kEndStop; stop = next_stop()) go_on(stop);
    return stop == kEndStop;
  }

  std::optional<kernel::FatalSignal> fatal() {
    return socket_.program().senders().fatal(stamp_.slot, stamp_.generation_ns);
  }
  std::optional<std::uint64_t> fatal_since_ns() {
    return attempts_.fatal_since_ns(stamp_.slot, stamp_.generation_ns);
  }

  AttestedSocket socket_{{.senders = kEntries}};
  intake::SenderAttempts attempts_{socket_.program().senders()};
  Fd sender_ = socket_.connected();
  std::optional<Child> child_;
  hb_stamp stamp_{};
};

TEST_F(FatalTest, IsNotedUntilTheProcessHasEnded) {
  begin([] { ::raise(SIGABRT); });
  EXPECT_FALSE(fatal());
  const std::uint64_t before_ns = now_ns();
  ASSERT_TRUE(reaches_its_end());
  ASSERT_TRUE(fatal());
  EXPECT_EQ(fatal()->number, static_cast<std::uint32_t>(SIGABRT));
  EXPECT_GE(fatal()->at_ns, before_ns);
  EXPECT_LE(fatal()->at_ns, now_ns());
  EXPECT_EQ(fatal_since_ns(), fatal()->at_ns);
  go_on();
  EXPECT_EQ(next_stop(), 0);
  EXPECT_FALSE(fatal());
  EXPECT_FALSE(fatal_since_ns());
}

TEST_F(FatalTest, IsAnyThatDumpsCore) {
  for (const int signal :
       {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS}) {
    begin([&] {
      ::signal(signal, SIG_DFL);
      ::raise(signal);
    });
    ASSERT_TRUE(reaches_its_end()) << signal;
    ASSERT_TRUE(fatal()) << signal;
    EXPECT_EQ(fatal()->number, static_cast<std::uint32_t>(signal));
    end();
  }
}

TEST_F(FatalTest, IsNotedOfACrash) {
  begin([] {
    ::signal(SIGSEGV, SIG_DFL);  // a sanitizer has a handler
    void* const guarded = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *static_cast<volatile char*>(guarded) = 1;
  });
  ASSERT_TRUE(reaches_its_end());
  ASSERT_TRUE(fatal());
  EXPECT_EQ(fatal()->number, static_cast<std::uint32_t>(SIGSEGV));
}

// The tracer sees the main thread, which is ended with the other.
TEST_F(FatalTest, IsNotedOfAThread) {
  begin([] {
    std::thread([] { ::raise(SIGABRT); }).detach();
    for (;;) ::pause();
  });
  ASSERT_TRUE(reaches_its_end());
  ASSERT_TRUE(fatal());
  EXPECT_EQ(fatal()->number, static_cast<std::uint32_t>(SIGABRT));
}

TEST_F(FatalTest, IsNoneThatOnlyEndsTheProcess) {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    begin([&] { ::raise(signal); });
    ASSERT_TRUE(reaches_its_end());
    EXPECT_FALSE(fatal()) << signal;
    end();
  }
}

TEST_F(FatalTest, IsNoneThatTheProcessHandles) {
  begin([] {
    ::signal(SIGABRT, [](int) { ::_exit(1); });
    ::raise(SIGABRT);
  });
  ASSERT_TRUE(reaches_its_end());
  EXPECT_FALSE(fatal());
}

TEST_F(FatalTest, IsNoneThatTheProcessIgnores) {
  begin([] {
    ::signal(SIGQUIT, SIG_IGN);
    ::raise(SIGQUIT);
  });
  ASSERT_TRUE(reaches_its_end());
  EXPECT_FALSE(fatal());
}

// A signal without a handler does not end the first process of a PID namespace.
TEST_F(FatalTest, IsNoneThatInitDoesNotHeed) {
  begin([] { ::raise(SIGABRT); }, CLONE_NEWPID);
  ASSERT_EQ(next_stop(), SIGABRT);
  go_on(SIGABRT);
  ASSERT_EQ(next_stop(), kEndStop) << "it went on, and ended by itself";
  EXPECT_FALSE(fatal());
}

TEST_F(FatalTest, IsNotThatOfAnEarlierProcessInItsPlace) {
  begin([] { ::raise(SIGABRT); });
  ASSERT_TRUE(reaches_its_end());
  const auto slot = stamp_.slot;
  end();
  do {
    end();
    begin([] { ::raise(SIGTERM); });
    ASSERT_TRUE(reaches_its_end());
  } while (stamp_.slot != slot);  // all entries have their turn
  EXPECT_FALSE(fatal());
}

}  // namespace
}  // namespace hb::test
