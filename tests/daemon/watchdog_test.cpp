// The watchdog's thread, in this process or in a forked one.
#include "daemon/watchdog.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "procfs/wait_channel.hpp"
#include "tests/support/child.hpp"
#include "tests/support/eventually.hpp"

namespace hb::test {
namespace {

using daemon::LogConfig;
using daemon::Step;
using daemon::Watchdog;

struct Pipe {
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) ADD_FAILURE() << "pipe2";
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  int ends[2]{};
  Fd read;
  Fd write;
};

std::string content(const Pipe& pipe) {
  std::array<char, 4096> text{};
  const ssize_t length = ::read(pipe.read.get(), text.data(), text.size());
  return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : "";
}

void fill(const Pipe& pipe) {
  ::fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK);
  const std::array<char, 4096> bytes{};
  while (::write(pipe.write.get(), bytes.data(), bytes.size()) > 0) {
  }
  ::fcntl(pipe.write.get(), F_SETFL, 0);
}

Watchdog::Config config(std::uint64_t limit_ms) {
  Watchdog::Config config;
  config.standstill.limit_ms = limit_ms;
  config.standstill.calm_ms = 20;
  return config;
}

constexpr std::uint64_t kNever_ms = 3'600'000;

// A fork of a process that hangs at `step`, said on `errors`; its wait status.
int hang(const Watchdog::Config& config, Step step, const Pipe& errors, int signal = 0) {
  return Child::run([&] {
           ::dup2(errors.write.get(), STDERR_FILENO);
           auto signals = daemon::Signals::take();
           Watchdog watchdog(config, signals.value());
           if (!watchdog.start()) ::_exit(70);
           watchdog.progress().begin(step);
           if (signal != 0) ::kill(::getpid(), signal);
           for (;;) ::pause();
         })
      .wait();
}

std::size_t threads() {
  const std::filesystem::directory_iterator all("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class WatchdogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto taken = daemon::Signals::take();
    ASSERT_TRUE(taken);
    signals_.emplace(std::move(taken).value());
  }

  std::optional<daemon::Signals> signals_;
};

// Nothing ever comes through the pipe: only a signal ends the call.
TEST_F(WatchdogTest, EndsASystemCallThatHoldsTheLoop) {
  Watchdog watchdog(config(kNever_ms), *signals_);
  ASSERT_TRUE(watchdog.start());
  const Pipe silent;
  for (int i = 0; i < 3; ++i) {
    watchdog.progress().begin(Step::Receiving);
    char byte = 0;
    EXPECT_EQ(::read(silent.read.get(), &byte, 1), -1);
    EXPECT_EQ(errno, EINTR);
  }
  while (watchdog.interrupts() < 3) ::sched_yield();  // it counts after it has interrupted
}

TEST_F(WatchdogTest, DoesNotInterruptALoopThatSleeps) {
  Watchdog watchdog(config(100), *signals_);
  watchdog.progress().begin(Step::Sleeping);
  ASSERT_TRUE(watchdog.start());
  const timespec a_few_looks{0, 500'000'000};
  EXPECT_EQ(::ppoll(nullptr, 0, &a_few_looks, nullptr), 0);
}

// The signal that it needs may be blocked by inheritance.
TEST_F(WatchdogTest, UnblocksItsSignalForTheLoopAlone) {
  sigset_t urgent;
  ::sigemptyset(&urgent);
  ::sigaddset(&urgent, SIGURG);
  ::pthread_sigmask(SIG_BLOCK, &urgent, nullptr);
  Watchdog watchdog(config(kNever_ms), *signals_);
  ASSERT_TRUE(watchdog.start());
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  EXPECT_FALSE(::sigismember(&now, SIGURG));
  EXPECT_TRUE(::sigismember(&now, SIGTERM)) << "it comes by the descriptor alone";
}

TEST_F(WatchdogTest, HasNoThreadWhereItIsOff) {
  const auto before = threads();
  Watchdog off(config(0), *signals_);
  ASSERT_TRUE(off.start());
  EXPECT_EQ(threads(), before);
  Watchdog on(config(kNever_ms), *signals_);
  ASSERT_TRUE(on.start());
  EXPECT_EQ(threads(), before + 1);
}

TEST(WatchdogEnd, HasItsCodeAndSaysWhere) {
  const Pipe errors;
  const int status = hang(config(100), Step::Receiving, errors);
  EXPECT_EQ(WEXITSTATUS(status), 5);
  const std::string said = content(errors);
  EXPECT_TRUE(said.starts_with("hb-ebpf: critical: the loop has not turned for ")) << said;
  EXPECT_NE(said.find("it was receiving frames"), std::string::npos) << said;
  EXPECT_TRUE(said.ends_with("ending with code 5 (--self-watchdog-ms)\n")) << said;
}

TEST(WatchdogEnd, NamesThePendingSignal) {
  const Pipe errors;
  const int status = hang(config(kNever_ms), Step::Sleeping, errors, SIGTERM);
  EXPECT_EQ(WEXITSTATUS(status), 5);
  const std::string said = content(errors);
  EXPECT_NE(said.find("does not hear SIGTERM"), std::string::npos) << said;
}

TEST(WatchdogEnd, SaysThatCommandsMayStillRun) {
  const Pipe errors;
  Watchdog::Config with_commands = config(100);
  with_commands.may_leave_commands = true;
  hang(with_commands, Step::Recovering, errors);
  const std::string said = content(errors);
  EXPECT_NE(said.find("recovery commands that run are left alone"), std::string::npos) << said;
}

TEST(WatchdogEnd, IsJsonWhereTheLogIs) {
  const Pipe errors;
  Watchdog::Config json = config(100);
  json.log.format = LogConfig::Format::Json;
  hang(json, Step::Exporting, errors);
  const auto line = nlohmann::json::parse(content(errors), nullptr, false);
  ASSERT_FALSE(line.is_discarded());
  EXPECT_EQ(line["level"], "critical");
  EXPECT_NE(line["message"].get<std::string>().find("--export-file"), std::string::npos) << line;
}

TEST(WatchdogEnd, SaysNothingWhereNothingIsLogged) {
  Pipe errors;
  Watchdog::Config silent = config(100);
  silent.log.level = LogConfig::Level::Off;
  EXPECT_EQ(WEXITSTATUS(hang(silent, Step::Receiving, errors)), 5);
  errors.write.reset();
  EXPECT_EQ(content(errors), "");
}

// Writing to a full pipe would block.
TEST(WatchdogEnd, EndsTheProcessAlthoughStandardErrorIsFull) {
  const Pipe errors;
  fill(errors);
  EXPECT_EQ(WEXITSTATUS(hang(config(100), Step::Receiving, errors)), 5);
}

// The whole process stops for longer than the limit, and is well afterwards.
TEST(WatchdogEnd, DoesNotEndAProcessThatWasStopped) {
  const Pipe to_child;
  Child child = Child::run([&] {
    auto signals = daemon::Signals::take();
    Watchdog watchdog(config(1'000), signals.value());
    if (!watchdog.start()) ::_exit(70);
    // Each step of it waits, so that it is stopped at one.
    for (char byte = 'x'; byte != 0;) {
      watchdog.progress().begin(Step::Receiving);
      if (::read(to_child.read.get(), &byte, 1) != 1) byte = 'x';
    }
  });
  ::kill(child.pid(), SIGSTOP);
  const timespec longer{2, 500'000'000};
  ::nanosleep(&longer, nullptr);
  ::kill(child.pid(), SIGCONT);
  ASSERT_EQ(::write(to_child.write.get(), "", 1), 1);
  EXPECT_EQ(child.wait(), 0);
}

TEST(WaitChannel, SaysWhereAThreadSleeps) {
  const Pipe pipe;
  std::atomic<pid_t> tid{0};
  std::thread reader([&] {
    tid = ::gettid();
    char byte = 0;
    EXPECT_EQ(::read(pipe.read.get(), &byte, 1), 1);
  });
  std::array<char, 64> room{};
  const bool has_symbols = !wait_channel(::gettid(), room).empty() ||
                           eventually([&] { return !wait_channel(tid, room).empty(); });
  EXPECT_TRUE(has_symbols) << "a kernel without CONFIG_KALLSYMS?";
  ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
  reader.join();
}

TEST(WaitChannel, IsEmptyForAThreadThatIsNotOurs) {
  std::array<char, 64> room{};
  EXPECT_EQ(wait_channel(1, room), "");
}

}  // namespace
}  // namespace hb::test
