// libhb-agent and a socket without an observer.
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "agent/hb_agent.hpp"
#include "tests/agent/receiver.hpp"
#include "tests/support/child.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

std::uint32_t own_pid() { return static_cast<std::uint32_t>(::getpid()); }

class LibAgent : public testing::Test {
 protected:
  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("hb.sock");
};

TEST_F(LibAgent, SendsFramesOfItsProcess) {
  Receiver observer(path_);
  Agent agent(path_);
  EXPECT_FALSE(agent.beat());
  EXPECT_FALSE(agent.beat(HB_AGENT_DEGRADED, 0xFEEDF00D));
  EXPECT_FALSE(agent.last_word(3));
  const auto frames = observer.all();
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].pid, own_pid());
  EXPECT_EQ(frames[0].nonce, 1U);
  EXPECT_EQ(frames[0].status, vlp::Status::Ok);
  EXPECT_NE(frames[0].timestamp, 0U);
  EXPECT_EQ(frames[1].nonce, 2U);
  EXPECT_EQ(frames[1].status, vlp::Status::Degraded);
  EXPECT_EQ(frames[1].payload, 0xFEEDF00D);
  EXPECT_EQ(frames[2].nonce, vlp::kTerminalNonce);
  EXPECT_EQ(frames[2].status, vlp::Status::Critical);
  EXPECT_EQ(frames[2].payload, 3U);
  EXPECT_EQ(agent.counts().queued, 3U);
  EXPECT_EQ(agent.counts().connects, 1U);
}

TEST_F(LibAgent, FindsThePathInTheEnvironment) {
  Receiver observer(path_);
  ASSERT_EQ(::setenv("HB_SOCKET", path_.c_str(), 1), 0);
  Agent agent;
  ASSERT_EQ(::unsetenv("HB_SOCKET"), 0);
  EXPECT_FALSE(agent.beat());
  EXPECT_TRUE(observer.next());
}

TEST_F(LibAgent, RefusesAPathThatIsNone) {
  EXPECT_EQ(hb_agent_open(""), nullptr);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(hb_agent_open(("/" + std::string(200, 'x')).c_str()), nullptr);
  EXPECT_EQ(errno, ENAMETOOLONG);
  EXPECT_EQ(hb_agent_open("hb.sock"), nullptr);
  EXPECT_EQ(errno, EINVAL) << "it would lead elsewhere after chdir(2)";
  EXPECT_THROW(Agent{std::string()}, std::system_error);
  hb_agent_close(nullptr);
}

TEST_F(LibAgent, RefusesAStatusThatIsNone) {
  Receiver observer(path_);
  Agent agent(path_);
  EXPECT_EQ(agent.beat(static_cast<hb_agent_status>(3)), std::errc::invalid_argument);
  EXPECT_FALSE(observer.next());
}

TEST_F(LibAgent, MayBeStartedBeforeTheObserver) {
  Agent agent(path_);
  EXPECT_EQ(agent.beat(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(agent.counts().no_observer, 1U);
  Receiver observer(path_);
  EXPECT_FALSE(agent.beat());
  EXPECT_EQ(observer.next()->nonce, 2U);
}

TEST_F(LibAgent, GoesOnWithTheNextObserver) {
  Agent agent(path_);
  for (std::uint64_t round = 1; round <= 100; ++round) {
    {
      Receiver observer(path_);
      EXPECT_FALSE(agent.beat());
      EXPECT_EQ(observer.next()->nonce, 2 * round - 1);
    }
    EXPECT_EQ(agent.beat(), std::errc::connection_refused);
    ::unlink(path_.c_str());
  }
  EXPECT_EQ(agent.counts().no_observer, 100U);
  EXPECT_EQ(agent.counts().connects, 100U);
}

// The socket that it is connected to is still open in some process, but nobody reads it.
TEST_F(LibAgent, NoticesThatTheSocketWasReplaced) {
  Receiver observer(path_);
  Agent agent(path_);
  EXPECT_FALSE(agent.beat());
  const Fd deaf = observer.replace();
  EXPECT_TRUE(eventually([&] {
    agent.beat();
    return observer.next().has_value();
  }));
  EXPECT_EQ(agent.counts().connects, 2U);
}

TEST_F(LibAgent, NoticesAtOnceWhenTheReplacedSocketIsFull) {
  Receiver observer(path_);
  Agent agent(path_);
  while (!agent.beat()) {
  }
  EXPECT_EQ(agent.counts().queue_full, 1U);
  const Fd deaf = observer.replace();
  EXPECT_FALSE(agent.beat());
  EXPECT_TRUE(observer.next());
}

TEST_F(LibAgent, CountsWhatASlowObserverMisses) {
  Receiver observer(path_);
  Agent agent(path_);
  for (int n = 0; n < 2000; ++n) agent.beat();
  const auto counts = agent.counts();
  EXPECT_GT(counts.queue_full, 0U);
  EXPECT_EQ(counts.queued + counts.queue_full, 2000U);
  EXPECT_EQ(observer.all().size(), counts.queued);
  EXPECT_FALSE(agent.beat());
}

TEST_F(LibAgent, CountsWhereItMayNotSend) {
  HB_NEEDS_ROOT();
  Receiver observer(path_);
  ASSERT_EQ(::chmod(path_.c_str(), 0), 0);
  ASSERT_EQ(::chmod(directory_.path("").c_str(), 0755), 0);
  const int status = Child::run([&] {
                       if (::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
                       Agent agent(path_);
                       if (agent.beat() != std::errc::permission_denied) ::_exit(3);
                       ::_exit(agent.counts().not_permitted == 1 ? 0 : 4);
                     }).wait();
  EXPECT_EQ(status, 0);
}

// --- fork and exec ---

TEST_F(LibAgent, IsAnotherOneInAChild) {
  Receiver observer(path_);
  Agent agent(path_);
  agent.beat();
  agent.beat();
  Child child = Child::run([&] {
    agent.beat();
    agent.beat();
    ::_exit(agent.counts().queued == 2 ? 0 : 1);
  });
  const auto pid = static_cast<std::uint32_t>(child.pid());
  EXPECT_EQ(child.wait(), 0);
  agent.beat();
  const auto frames = observer.all();
  ASSERT_EQ(frames.size(), 5U);
  EXPECT_EQ(frames[2].pid, pid);
  EXPECT_EQ(frames[2].nonce, 1U);
  EXPECT_EQ(frames[3].nonce, 2U);
  EXPECT_EQ(frames[4].pid, own_pid());
  EXPECT_EQ(frames[4].nonce, 3U);
}

// Another thread may be just sending at the fork: in the child it does not exist.
TEST_F(LibAgent, BeatsInEveryChildOfABusyProcess) {
  Receiver observer(path_);
  Agent agent(path_);
  std::atomic<bool> is_over{false};
  std::thread busy([&] {
    while (!is_over) agent.beat();
  });
  std::thread reader([&] {
    while (!is_over) observer.all();
  });
  for (int n = 0; n < 100; ++n) {
    Child child = Child::run([&] {
      ::alarm(60);
      while (agent.beat()) ::usleep(100);  // the queue may be full of the parent's
      ::_exit(agent.counts().queued == 1 ? 0 : 1);
    });
    EXPECT_EQ(child.wait(), 0);
  }
  is_over = true;
  busy.join();
  reader.join();
}

TEST_F(LibAgent, LeavesNoDescriptorToAnotherProgram) {
  const Agent agent(path_);
  EXPECT_NE(::fcntl(agent.fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(LibAgent, OpensAnotherSocketIfSomebodyClosedIt) {
  Receiver observer(path_);
  Agent agent(path_);
  agent.beat();
  ::close(agent.fd());
  EXPECT_FALSE(agent.beat());
  const Fd file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const int number = agent.fd();
  ASSERT_EQ(::dup2(file.get(), number), number);
  EXPECT_FALSE(agent.beat());
  EXPECT_EQ(::close(number), 0) << "the file was not the agent's to close";
  EXPECT_EQ(observer.all().size(), 3U);
}

TEST_F(LibAgent, OpensAnotherSocketForItsLastWordToo) {
  Receiver observer(path_);
  Agent agent(path_);
  agent.beat();
  ::close(agent.fd());
  EXPECT_FALSE(agent.last_word());
  EXPECT_EQ(observer.all().size(), 2U);
}

TEST_F(LibAgent, NeverTakesThePlaceOfAStandardStream) {
  const int status = Child::run([&] {
                       for (int fd = 0; fd < 3; ++fd) ::close(fd);
                       const Agent agent(path_);
                       ::_exit(agent.fd() >= 3 ? 0 : 1);
                     }).wait();
  EXPECT_EQ(status, 0);
}

TEST_F(LibAgent, ClosesNoFileOfTheProgram) {
  const Fd file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  int number = -1;
  {
    const Agent agent(path_);
    number = agent.fd();
    ASSERT_EQ(::dup2(file.get(), number), number);
  }
  EXPECT_EQ(::close(number), 0);
}

// A child that beats in another root, say a container's, once took its parent with it to the
// observer there: they shared one socket.
TEST_F(LibAgent, AChildConnectsAndShutsDownASocketOfItsOwn) {
  Receiver observer(path_);
  Agent agent(path_);
  agent.beat();
  Child child = Child::run([&] {
    if (agent.beat()) ::_exit(1);
    ::shutdown(agent.fd(), SHUT_RDWR);
    ::_exit(0);
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(agent.counts().connects, 1U);
  EXPECT_FALSE(agent.beat());
  EXPECT_EQ(agent.counts().connects, 1U);
  EXPECT_EQ(observer.all().size(), 3U);
}

TEST_F(LibAgent, OutlivesASocketThatWasShutDown) {
  Receiver observer(path_);
  Agent agent(path_);
  agent.beat();
  ASSERT_EQ(::shutdown(agent.fd(), SHUT_RDWR), 0);
  EXPECT_FALSE(agent.beat());
  EXPECT_EQ(observer.all().size(), 2U);
}

// --- Threads and signals ---

TEST_F(LibAgent, BeatsOfManyThreadsAreInOrder) {
  constexpr std::uint64_t kThreads = 8;
  constexpr std::uint64_t kEach = 5'000;
  Receiver observer(path_);
  Agent agent(path_);
  std::vector<vlp::Frame> frames;
  const auto take_all = [&] {
    for (const auto& frame : observer.all()) frames.push_back(frame);
  };
  std::atomic<std::uint64_t> running{kThreads};
  std::vector<std::thread> threads;
  for (std::uint64_t n = 0; n < kThreads; ++n) {
    threads.emplace_back([&] {
      for (std::uint64_t beat = 0; beat < kEach; ++beat) agent.beat();
      --running;
    });
  }
  while (running > 0) take_all();
  for (std::thread& thread : threads) thread.join();
  take_all();
  // But for one that was begun so long ago that another thread did not wait for it.
  constexpr std::uint64_t kMostSending_ns = 100'000'000;
  for (std::size_t n = 1; n < frames.size(); ++n) {
    if (frames[n].nonce > frames[n - 1].nonce) continue;
    ASSERT_GE(frames[n - 1].timestamp, frames[n].timestamp + kMostSending_ns) << n;
  }
  const auto counts = agent.counts();
  EXPECT_EQ(counts.queued, frames.size());
  const std::uint64_t all = counts.queued + counts.queue_full + counts.covered;
  EXPECT_LE(all, kThreads * kEach);
  EXPECT_GE(all + 1, kThreads * kEach) << "one may have been left to the next beat";
}

// A thread that is cancelled must not take the others' voice with it.
TEST_F(LibAgent, OutlivesACancelledThread) {
  Receiver observer(path_);
  Agent agent(path_);
  for (int n = 0; n < 100; ++n) {
    std::atomic<bool> runs{false};
    std::thread thread([&] {
      for (;;) {
        agent.beat();
        runs = true;
        ::pthread_testcancel();
      }
    });
    while (!runs) ::usleep(10);
    ::pthread_cancel(thread.native_handle());
    thread.join();
    observer.all();
    ASSERT_FALSE(agent.beat());
    ASSERT_TRUE(observer.next());
  }
}

// A handler that leaves a beat in the middle once left it as one that is just being sent, for
// ever.
TEST_F(LibAgent, OutlivesABeatThatAHandlerHasLeft) {
  static sigjmp_buf place;
  static std::atomic<int> left;
  Receiver observer(path_);
  Agent agent(path_);
  left = 0;
  ::signal(SIGALRM, [](int) {
    ++left;
    ::siglongjmp(place, 1);
  });
  const itimerval often{{0, 300}, {0, 300}};
  if (sigsetjmp(place, 1) == 0) ::setitimer(ITIMER_REAL, &often, nullptr);
  while (left < 200) agent.beat();
  const itimerval never{};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::signal(SIGALRM, SIG_DFL);
  EXPECT_TRUE(eventually([&] {
    observer.all();
    return !agent.beat() && observer.next();
  }));
}

TEST_F(LibAgent, AllocatesNothingForABeat) {
  Agent agent(path_);
  agent.beat();
  const auto before = ::mallinfo2().uordblks;
  for (int n = 0; n < 1000; ++n) agent.beat();
  EXPECT_EQ(::mallinfo2().uordblks, before);
}

// --- Last words ---

class LastWord : public LibAgent, public testing::WithParamInterface<int> {};

TEST_P(LastWord, IsSentAtACrash) {
  Receiver observer(path_);
  Child child = Child::run([&] {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::signal(GetParam(), SIG_DFL);  // not that of a sanitizer
    Agent agent(path_);
    agent.beat();
    if (agent.last_word_at_crash()) ::_exit(1);
    ::raise(GetParam());
    ::_exit(2);
  });
  const int status = child.wait();
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), GetParam());
  EXPECT_EQ(observer.next()->nonce, 1U);
  const auto last = observer.next();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->nonce, vlp::kTerminalNonce);
  EXPECT_EQ(last->payload, static_cast<std::uint32_t>(GetParam()));
  EXPECT_FALSE(observer.next());
}

INSTANTIATE_TEST_SUITE_P(Signals, LastWord,
                         testing::Values(SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT));

// What the kernel raises, not a process.
TEST_F(LibAgent, ALastWordIsSentAtAnInstructionThatCrashes) {
  Receiver observer(path_);
  Child child = Child::run([&] {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::signal(SIGILL, SIG_DFL);
    Agent agent(path_);
    if (agent.last_word_at_crash()) ::_exit(1);
    __builtin_trap();
  });
  const int status = child.wait();
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  const auto last = observer.next();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->payload, static_cast<std::uint32_t>(WTERMSIG(status)));
}

// Which a signal from within does not end, so nothing has happened.
TEST_F(LibAgent, PidOneHasNoLastWordForASignalThatDoesNotEndIt) {
  HB_NEEDS_ROOT();
  Receiver observer(path_);
  Child parent = Child::run([&] {
    if (::unshare(CLONE_NEWPID) != 0) ::_exit(1);
    Child init = Child::run([&] {
      ::signal(SIGABRT, SIG_DFL);
      Agent agent(path_);
      agent.beat();
      if (agent.last_word_at_crash()) ::_exit(2);
      for (int n = 0; n < 2; ++n) {
        if (Child::run([] { ::_exit(::kill(1, SIGABRT)); }).wait() != 0) ::_exit(3);
      }
      ::_exit(agent.counts().queued == 1 ? 0 : 4);
    });
    ::_exit(WEXITSTATUS(init.wait()));
  });
  EXPECT_EQ(WEXITSTATUS(parent.wait()), 0);
}

TEST_F(LibAgent, LeavesNoHandlerBehind) {
  const int status = Child::run([&] {
                       ::signal(SIGFPE, SIG_DFL);  // not that of a sanitizer
                       {
                         Agent agent(path_);
                         if (agent.last_word_at_crash()) ::_exit(1);
                       }
                       ::_exit(::signal(SIGFPE, SIG_DFL) == SIG_DFL ? 0 : 2);
                     }).wait();
  EXPECT_EQ(status, 0);
}

TEST_F(LibAgent, AChildThatIsNoAgentHasNoLastWord) {
  Receiver observer(path_);
  Child parent = Child::run([&] {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::signal(SIGABRT, SIG_DFL);
    Agent agent(path_);
    if (agent.last_word_at_crash()) ::_exit(1);
    Child child = Child::run([] { ::raise(SIGABRT); });
    ::_exit(WTERMSIG(child.wait()));
  });
  EXPECT_EQ(WEXITSTATUS(parent.wait()), SIGABRT);
  EXPECT_FALSE(observer.next());
}

TEST_F(LibAgent, LeavesHandlersOfTheProgram) {
  Receiver observer(path_);
  const int status = Child::run([&] {
                       ::signal(SIGABRT, [](int) { ::_exit(7); });
                       Agent agent(path_);
                       Agent other(path_);
                       if (agent.last_word_at_crash()) ::_exit(1);
                       if (other.last_word_at_crash() != std::errc::device_or_resource_busy) {
                         ::_exit(2);
                       }
                       ::raise(SIGABRT);
                     }).wait();
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_FALSE(observer.next());
}

// --- The ticker ---

TEST_F(LibAgent, TicksOnlyWhileTheWorkGoesOn) {
  Receiver observer(path_);
  Agent agent(path_);
  agent.set_status(HB_AGENT_DEGRADED, 5);
  ASSERT_FALSE(agent.start_ticker(1));
  EXPECT_EQ(agent.start_ticker(1), std::errc::connection_already_in_progress);
  const auto is_told = [&] {
    const auto frame = observer.next();
    return frame && frame->payload == 5;
  };
  EXPECT_TRUE(eventually(is_told)) << "the first";
  ::usleep(50'000);
  EXPECT_FALSE(observer.next()) << "the work stands still";
  agent.progress();
  EXPECT_TRUE(eventually(is_told));
  agent.stop_ticker();
  agent.progress();
  ::usleep(20'000);
  EXPECT_FALSE(observer.next());
  ASSERT_FALSE(agent.start_ticker(1)) << "again";
  EXPECT_TRUE(eventually(is_told));
}

TEST_F(LibAgent, StartsATickerInAChildToo) {
  Receiver observer(path_);
  Agent agent(path_);
  ASSERT_FALSE(agent.start_ticker(1000));
  EXPECT_TRUE(eventually([&] { return observer.next().has_value(); }));
  Child child = Child::run([&] {
    if (agent.start_ticker(1000)) ::_exit(1);
    const bool has_beaten = eventually([&] { return agent.counts().queued == 1; });
    agent.stop_ticker();
    ::_exit(has_beaten ? 0 : 2);
  });
  EXPECT_EQ(child.wait(), 0);
}

// What a process has of its own: the lowest descriptor that is free, and its memory without that of
// files (VmData). To look takes none of either.
struct Holdings {
  Holdings() {
    free_descriptor = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    const ssize_t length = ::read(free_descriptor, text.data(), text.size());
    ::close(free_descriptor);
    const std::string_view status(text.data(), static_cast<std::size_t>(std::max(length, {})));
    const auto at = status.find("VmData:");
    if (at != std::string_view::npos) memory = status.substr(at, status.find('\n', at) - at);
  }

  int free_descriptor = -1;
  std::string_view memory;  // in text
  std::array<char, 4096> text{};
};

// HB_BEATS of them.
TEST_F(LibAgent, TakesNothingMoreHoweverLongItBeats) {
  const char* wanted = std::getenv("HB_BEATS");
  const std::uint64_t beats = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 100'000;
  Receiver observer(path_);
  Agent agent(path_);
  const auto beat = [&](std::uint64_t nonce) {
    if (agent.beat()) return false;
    const auto frame = observer.next();
    return frame && frame->nonce == nonce;
  };
  ASSERT_TRUE(beat(1));
  const Holdings before;
  for (std::uint64_t nonce = 2; nonce <= beats; ++nonce) ASSERT_TRUE(beat(nonce)) << nonce;
  ASSERT_FALSE(before.memory.empty());
  const Holdings after;
#ifndef HB_SANITIZED  // AddressSanitizer keeps what was freed, and finds leaks itself
  EXPECT_EQ(after.memory, before.memory);
#endif
  EXPECT_EQ(after.free_descriptor, before.free_descriptor);
  EXPECT_EQ(agent.counts().queued, beats);
}

// In a PID namespace of its own the child may have its parent's pid.
TEST_F(LibAgent, StartsATickerInAChildOfTheSamePid) {
  HB_NEEDS_ROOT();
  Receiver observer(path_);
  Child parent = Child::run([&] {
    if (::unshare(CLONE_NEWPID) != 0) ::_exit(1);
    Child init = Child::run([&] {
      Agent agent(path_);
      if (agent.start_ticker(1000) || ::unshare(CLONE_NEWPID) != 0) ::_exit(2);
      Child other = Child::run([&] {
        if (::getpid() != 1 || agent.start_ticker(1000)) ::_exit(3);
        ::_exit(eventually([&] { return agent.counts().queued == 1; }) ? 0 : 4);
      });
      ::_exit(WEXITSTATUS(other.wait()));
    });
    ::_exit(WEXITSTATUS(init.wait()));
  });
  EXPECT_EQ(WEXITSTATUS(parent.wait()), 0);
}

}  // namespace
}  // namespace hb::test
