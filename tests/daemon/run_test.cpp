// Starting and ending the observer, and what remains.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/support/proc_status.hpp"
#include "tests/support/run_fixture.hpp"

namespace hb::test {
namespace {

TEST_F(Run, SaysThatItIsReady) {
  ObserverProcess observer = observe();
  EXPECT_EQ(observer.ready()["socket"], socket_);
  EXPECT_EQ(observer.ready()["pid"], observer.process().pid());
  struct stat link {};
  ::stat("/proc/self/ns/pid", &link);
  EXPECT_EQ(observer.ready()["pid_ns_inode"], link.st_ino);
  observer.stop();
}

TEST_F(Run, EndsCleanlyOnASignal) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ObserverProcess observer = observe();
    observer.stop(signal);
    EXPECT_TRUE(left_nothing());
  }
}

TEST_F(Run, EndsByItself) {
  ObserverProcess observer = observe({"--shutdown-after-secs", "1"});
  observer.expect("stopped");
  EXPECT_EQ(observer.process().wait(), 0);
  EXPECT_TRUE(left_nothing());
}

TEST_F(Run, ReplacesASocketThatKillLeft) {
  ObserverProcess first = observe();
  first.process().signal(SIGKILL);
  EXPECT_EQ(first.process().wait(), 128 + SIGKILL);
  ASSERT_TRUE(std::filesystem::is_socket(socket_));
  ObserverProcess second = observe();
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  second.expect("beat");
  second.stop();
}

TEST_F(Run, NeverReplacesALiveSocket) {
  ObserverProcess first = observe();
  Process second(arguments());
  EXPECT_EQ(second.wait(), 1);
  const std::string errors = second.errors();
  EXPECT_NE(errors.find(socket_), std::string::npos) << errors;
  EXPECT_EQ(second.rest_of_output(), "");
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  first.expect("beat");
  first.stop();
}

TEST_F(Run, NeverReplacesAFileThatIsNoSocket) {
  std::ofstream(socket_) << "precious";
  Process observer(arguments());
  EXPECT_EQ(observer.wait(), 1);
  EXPECT_NE(observer.errors().find("not a socket"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(socket_), 8U);
}

TEST_F(Run, OnlyOneOfTwoStarts) {
  for (int round = 0; round < 20; ++round) {
    Process one(arguments());
    Process other(arguments());
    const bool one_lost = !one.next_line();
    Process& winner = one_lost ? other : one;
    Process& loser = one_lost ? one : other;
    EXPECT_EQ(loser.wait(), 1);
    winner.signal(SIGTERM);
    EXPECT_EQ(winner.wait(), 0);
    EXPECT_TRUE(left_nothing());
  }
}

TEST_F(Run, HasTheConfiguredMode) {
  ObserverProcess observer = observe({"--socket-mode", "0622"});
  struct stat seen {};
  ASSERT_EQ(::stat(socket_.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777, 0622U);
  observer.stop();
}

TEST_F(Run, EndsWhenNobodyReadsItsEvents) {
  ObserverProcess observer = observe();
  observer.process().close_output();
  send_claim(socket_, own_pid());
  EXPECT_EQ(observer.process().wait(), 1);
  const std::string errors = observer.process().errors();
  EXPECT_NE(errors.find("--events none"), std::string::npos) << errors;
  EXPECT_TRUE(left_nothing());
}

TEST_F(Run, EndsWhileItsReaderSleeps) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  // More than a pipe holds: 64 KiB, at some 150 bytes a line.
  for (std::uint64_t nonce = 1; nonce <= 2000;) {
    const auto sent = agent.send(frame_of(own_pid(), nonce));
    ASSERT_TRUE(sent);
    if (sent.value() != UnixAgent::Outcome::Queued) break;
    if (++nonce % 8 == 0) std::this_thread::sleep_for(milliseconds(1));
  }
  observer.process().signal(SIGTERM);
  EXPECT_EQ(observer.process().wait(std::chrono::seconds(5)), 0);
  EXPECT_TRUE(left_nothing());
}

// Also when no events come: a reader that waits for "ready" would wait forever.
TEST_F(Run, FailsIfTheReadyLineCannotBeWritten) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Process observer(arguments({"--events", "json", "--shutdown-after-secs", "1"}),
                   {.out = full.get()});
  EXPECT_EQ(observer.wait(), 0);
  const std::string errors = observer.errors();
  EXPECT_NE(errors.find("No space left on device"), std::string::npos) << errors;
}

TEST_F(Run, GoesOnWhenTheDiskIsFull) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Process observer(arguments({"--events", "json"}), {.out = full.get()});
  for (int i = 0; i < 1000 && !std::filesystem::exists(socket_); ++i) {
    std::this_thread::sleep_for(milliseconds(2));
  }
  std::this_thread::sleep_for(milliseconds(100));
  for (std::uint64_t nonce = 1; nonce <= 5; ++nonce) {
    ASSERT_TRUE(send_claim(socket_, own_pid(), nonce));
  }
  std::this_thread::sleep_for(milliseconds(100));
  observer.signal(SIGTERM);
  EXPECT_EQ(observer.wait(), 0);
  const std::string errors = observer.errors();
  const auto first = errors.find("No space left");
  EXPECT_NE(first, std::string::npos) << errors;
  EXPECT_EQ(errors.find("No space left", first + 1), std::string::npos) << errors;
}

TEST_F(Run, LogsJsonThatIsJson) {
  const std::string nasty = directory_.path("a \"quoted\" \\ name");
  std::ofstream(nasty) << "no socket";
  Process observer(
      hb_ebpf({"run", "--socket", nasty, "--attest", "procfs", "--log-format", "json"}));
  EXPECT_EQ(observer.wait(), 1);
  const Json line = Json::parse(observer.errors(), nullptr, false);
  ASSERT_FALSE(line.is_discarded());
  EXPECT_EQ(line["level"], "error");
  EXPECT_NE(line["message"].get<std::string>().find(nasty), std::string::npos);
}

TEST_F(Run, LogLevelOffLogsNothing) {
  Process observer(arguments({"--log-level", "off", "--shutdown-after-secs", "1"}));
  EXPECT_EQ(observer.wait(), 0);
  EXPECT_EQ(observer.errors(), "");
}

// Inherited closed descriptors 0 to 2 are not reused for sockets.
TEST_F(Run, StartsWithClosedDescriptors) {
  Process observer(arguments({"--shutdown-after-secs", "1"}), {}, [] {});
  EXPECT_EQ(observer.wait(), 0);
  Process bare({"sh", "-c", "exec \"$0\" \"$@\" <&- >&- 2>&-", arguments()[0], "run", "--socket",
                socket_, "--attest", "procfs", "--shutdown-after-secs", "1"});
  EXPECT_EQ(bare.wait(), 0);
  EXPECT_TRUE(left_nothing());
}

TEST_F(Run, KeepsNoPrivilegeThatItDoesNotNeed) {
  ObserverProcess observer = observe();
  const auto needed = status_line(observer.process().pid(), "CapPrm");
  EXPECT_TRUE(needed == "0000000000080000" || needed == "0000000000000000") << needed;
  EXPECT_EQ(status_line(observer.process().pid(), "CapEff"), needed);
  EXPECT_EQ(status_line(observer.process().pid(), "NoNewPrivs"), "1");
  observer.stop();
}

}  // namespace
}  // namespace hb::test
