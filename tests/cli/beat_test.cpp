// `hb-ebpf beat` against a plain socket: what it puts on the wire, and when it gives up.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>

#include "base/fd.hpp"
#include "tests/support/child.hpp"
#include "tests/support/process.hpp"
#include "transport/unix_listener.hpp"
#include "vlp/frame.hpp"

namespace hb::test {
namespace {

class BeatCommand : public ::testing::Test {
 protected:
  void listen() {
    auto opened = UnixListener::open();
    ASSERT_TRUE(opened);
    listener_ = std::move(opened).value();
    const auto bound = listener_->bind({socket_, 0600, std::nullopt});
    ASSERT_TRUE(bound) << bound.error().message;
  }

  Outcome beat(Argv more, const std::string& interval_ms = "1") {
    more.insert(more.begin(), {"beat", "--socket", socket_, "--interval-ms", interval_ms});
    return run_to_end(more);
  }

  std::vector<vlp::Frame> frames() {
    std::vector<vlp::Frame> all;
    std::array<Datagram, 16> batch;
    for (;;) {
      const auto received = listener_->receive(batch);
      if (!received || received.value() == 0) return all;
      for (std::size_t i = 0; i < received.value(); ++i) {
        const auto decoded = vlp::decode(batch[i].bytes);
        if (const auto* frame = std::get_if<vlp::Frame>(&decoded)) all.push_back(*frame);
        sender_ = batch[i].credentials.pid;
      }
    }
  }

  TemporaryDirectory directory_;
  const std::string socket_ = directory_.path("hb.sock");
  std::unique_ptr<UnixListener> listener_;
  std::uint32_t sender_ = 0;
};

TEST_F(BeatCommand, CountsItsNoncesFromOne) {
  listen();
  EXPECT_EQ(beat({"--count", "3"}).code, 0);
  const auto sent = frames();
  ASSERT_EQ(sent.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(sent[i].nonce, i + 1);
  EXPECT_LT(sent[0].timestamp, sent[1].timestamp);
}

TEST_F(BeatCommand, ClaimsItsOwnPid) {
  listen();
  beat({"--count", "1"});
  ASSERT_EQ(frames().size(), 1U);
  beat({"--count", "1"});
  const auto sent = frames();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].pid, sender_);
}

TEST_F(BeatCommand, SaysWhatItIsTold) {
  listen();
  beat({"--count", "1", "--status", "degraded", "--payload", "7", "--claim-pid", "4242"});
  const auto sent = frames();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].status, vlp::Status::Degraded);
  EXPECT_EQ(sent[0].payload, 7U);
  EXPECT_EQ(sent[0].pid, 4242U);
}

// CLI11 by itself takes a leading zero for octal.
TEST_F(BeatCommand, TakesEveryNumberForDecimal) {
  listen();
  beat({"--count", "01", "--payload", "0010"});
  const auto sent = frames();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].payload, 10U);
}

TEST_F(BeatCommand, EndsWithTheLastWordWhenAskedTo) {
  listen();
  beat({"--count", "1", "--terminal"});
  const auto sent = frames();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[1].nonce, vlp::kTerminalNonce);
  EXPECT_EQ(sent[1].status, vlp::Status::Critical);
}

TEST_F(BeatCommand, FailsWithoutAnObserver) {
  const Outcome outcome = beat({"--count", "2"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find(socket_), std::string::npos) << outcome.err;
}

TEST_F(BeatCommand, DoesNotWaitForAFullQueue) {
  listen();
  const Outcome outcome = beat({"--count", "100000"}, "0");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("queue is full"), std::string::npos) << outcome.err;
  EXPECT_LT(outcome.err.size(), 2000U) << "said once a second, not once a beat";
}

TEST_F(BeatCommand, EndsCleanlyOnASignal) {
  listen();
  for (const int signal : {SIGTERM, SIGINT}) {
    frames();  // what is received from now on shows that the next one has got as far as sending
    Process process(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "5"}));
    while (frames().empty()) ::usleep(1000);
    process.signal(signal);
    EXPECT_EQ(process.wait(), 0);
  }
}

// It once stayed, and beat for a script that was gone.
TEST_F(BeatCommand, EndsWithItsParentIfAsked) {
  listen();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);  // whose write end it inherits, and closes at its end
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  Child parent = Child::run([&] {
    if (::fork() != 0) ::pause();
    const std::string program = hb_ebpf({}).front();
    ::execl(program.c_str(), program.c_str(), "beat", "--socket", socket_.c_str(), "--interval-ms",
            "5", "--with-parent", nullptr);
    ::_exit(70);
  });
  writer.reset();
  while (frames().empty()) ::usleep(1000);
  ::kill(parent.pid(), SIGKILL);
  parent.wait();
  pollfd polled{reader.get(), POLLIN, 0};
  const auto patience_ms = std::chrono::milliseconds(kPatience).count();
  EXPECT_EQ(::poll(&polled, 1, static_cast<int>(patience_ms)), 1);
  EXPECT_NE(polled.revents & POLLHUP, 0);
}

bool is_stopped(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  return text.find(") T ") != std::string::npos;
}

// It once sent all beats of the pause at once, and was limited for its rate.
TEST_F(BeatCommand, SendsOneBeatAfterAPause) {
  constexpr std::uint64_t kInterval_ns = 20'000'000;
  listen();
  Process process(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"}));
  while (frames().empty()) ::usleep(1000);
  process.signal(SIGSTOP);
  while (!is_stopped(process.pid())) ::usleep(1000);
  frames();
  ::usleep(400'000);
  EXPECT_TRUE(frames().empty());
  process.signal(SIGCONT);
  std::vector<vlp::Frame> sent;
  while (sent.size() < 10) {
    for (const auto& frame : frames()) sent.push_back(frame);
    ::usleep(1000);
  }
  for (std::size_t i = 1; i < sent.size(); ++i) {
    EXPECT_GE(sent[i].timestamp, sent[0].timestamp + (i - 1) * kInterval_ns) << i;
    EXPECT_EQ(sent[i].nonce, sent[i - 1].nonce + 1);
  }
}

TEST_F(BeatCommand, FindsAnObserverThatStartsLater) {
  Process process(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "5"}));
  ::usleep(50'000);
  listen();
  for (int i = 0; i < 1000 && frames().empty(); ++i) ::usleep(1000);
  EXPECT_NE(sender_, 0U);
}

TEST_F(BeatCommand, FindsAnObserverThatWasReplaced) {
  listen();
  Process process(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "5"}));
  while (frames().empty()) ::usleep(1000);
  listener_.reset();
  ::usleep(50'000);
  listen();
  sender_ = 0;
  for (int i = 0; i < 1000 && frames().empty(); ++i) ::usleep(1000);
  EXPECT_NE(sender_, 0U);
}

}  // namespace
}  // namespace hb::test
