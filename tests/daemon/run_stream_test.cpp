// Readers that do not read, and loss notices.
//
// A reader of standard output that did not read (Ctrl-S in a terminal, a stuck jq) once blocked the
// observer: no stalls were detected until it read again.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/attest_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/run_fixture.hpp"
#include "tests/support/udp_fixture.hpp"

namespace hb::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

// More lines than the buffer and a pipe hold.
constexpr std::uint64_t kMany = 25'000;
constexpr std::uint64_t kAtOnce = 100;  // by socket delivery the queue takes them all

// Sends `count` frames, made by `frame(n)` for n from 1, none left out.
template <typename Frame>
void send_all(const std::string& socket, std::uint64_t count, Frame frame) {
  UnixAgent agent(socket);
  for (std::uint64_t n = 1; n <= count;) {
    const auto sent = agent.send(frame(n));
    if (sent && sent.value() == UnixAgent::Outcome::Queued) {
      ++n;
    } else {
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
}

void send_junk(const std::string& socket, std::uint64_t count) {
  send_all(socket, count, [](std::uint64_t) { return Bytes(vlp::kFrameBytes, 'j'); });
}

std::size_t lines_in(const std::string& path) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);) ++count;
  return count;
}

// --- The reader of standard output ---

class Stream : public Run {
 protected:
  // No agent stalls during a test.
  ObserverProcess observe_into_file(Argv more = {}) {
    more.insert(more.end(), {"--export-file", file_, "--threshold-ms", "600000"});
    return observe(more);
  }
  bool exported(std::size_t lines) const {
    return eventually([&] { return lines_in(file_) >= lines; });
  }

  const std::string file_ = directory_.path("events.tsv");
};

TEST_F(Stream, SaysWhereAndHowManyEventsAreMissing) {
  ObserverProcess observer = observe_into_file();
  Child sender = Child::run([&] {
    send_all(socket_, kMany, [](std::uint64_t nonce) { return frame_of(own_pid(), nonce); });
    ::pause();  // who has to be read from /proc must be there
  });
  ASSERT_TRUE(exported(kMany)) << lines_in(file_);
  observer.expect_logged("lost (stdout)");
  std::uint64_t nonce = 0;
  while (observer.losses().empty()) {
    const Json event = observer.next_event(milliseconds(100));
    if (event.empty()) break;
    ASSERT_EQ(event["event"], "beat");
    ASSERT_EQ(event["nonce"], ++nonce) << "none is missing before the gap";
  }
  ASSERT_EQ(observer.losses().size(), 1U);
  const Json gap = observer.losses()[0];
  EXPECT_EQ(gap["reason"], "stdout");
  EXPECT_EQ(gap["count"].get<std::uint64_t>() + nonce, kMany);
  EXPECT_GT(gap["since_ns"], 0);
  EXPECT_LT(gap["since_ns"], gap["observer_ns"]);
  ASSERT_TRUE(send_claim(socket_, 77));
  EXPECT_EQ(observer.expect("auth_failure")["claimed_pid"], 77) << "and it goes on";
  const Json counters = observer.stop();
  EXPECT_EQ(counters["events_lost_total"], gap["count"]);
  EXPECT_EQ(counters["beats_total"], kMany);
  EXPECT_EQ(counters["export_lines_lost_total"], 0);
}

TEST_F(Stream, OfAReaderWhoReadsHasNoGap) {
  ObserverProcess observer = observe_into_file({"--when-stdout-is-full", "end"});
  // No more at once than the observer keeps for a reader that others keep from reading.
  for (std::uint64_t n = 0; n < kMany; n += kAtOnce) {
    send_junk(socket_, kAtOnce);
    for (std::uint64_t k = 0; k < kAtOnce; ++k) {
      ASSERT_EQ(observer.expect("decode")["error"], "BadMagic");
    }
  }
  EXPECT_EQ(observer.stop()["events_lost_total"], 0);
  EXPECT_TRUE(observer.losses().empty());
}

TEST_F(Stream, ThatIsFullEndsTheObserverWhenToldSo) {
  ObserverProcess observer = observe({"--when-stdout-is-full", "end"});
  Child sender = Child::run([&] { send_junk(socket_, kMany); });
  EXPECT_EQ(observer.process().wait(), 1);
  const std::string errors = observer.process().errors();
  EXPECT_NE(errors.find("--when-stdout-is-full end"), std::string::npos) << errors;
  EXPECT_TRUE(left_nothing());
}

TEST_F(Stream, ThatIsFullDoesNotDelayTheEnd) {
  ObserverProcess observer = observe();
  send_junk(socket_, kMany);
  observer.expect_logged("lost (stdout)");
  observer.process().signal(SIGTERM);
  EXPECT_EQ(observer.process().wait(), 0);
  EXPECT_TRUE(left_nothing());
}

// What waits is given to a reader who reads on, to the last line.
TEST_F(Stream, EndsWithItsLastLineWhileManyAreBuffered) {
  ObserverProcess observer = observe_into_file();
  constexpr std::uint64_t kWaiting = 2'000;  // more than a pipe holds
  send_junk(socket_, kWaiting);
  ASSERT_TRUE(exported(kWaiting));
  // Its reader reads when it begins to end, as it does not wait for long then.
  observer.process().signal(SIGSTOP);
  observer.process().signal(SIGTERM);
  std::vector<std::string> lines;
  std::thread reader([&] {
    while (auto line = observer.process().next_line()) lines.push_back(std::move(*line));
  });
  observer.process().signal(SIGCONT);
  reader.join();
  ASSERT_EQ(lines.size(), kWaiting + 1);
  EXPECT_EQ(Json::parse(lines.back())["counters"]["events_lost_total"], 0);
  EXPECT_EQ(observer.process().wait(), 0);
}

TEST_F(Stream, WhoseReaderClosesItEndsTheObserver) {
  ObserverProcess observer = observe();
  send_junk(socket_, kMany);
  observer.expect_logged("lost (stdout)");
  observer.process().close_output();
  EXPECT_EQ(observer.process().wait(), 1);
  const std::string errors = observer.process().errors();
  EXPECT_NE(errors.find("--events none"), std::string::npos) << errors;
}

// --- The reader of standard error ---

class FullErrors {
 public:
  explicit FullErrors(const Process& process)
      : end_(::open(("/proc/" + std::to_string(process.pid()) + "/fd/2").c_str(),
                    O_WRONLY | O_NONBLOCK | O_CLOEXEC)) {
    const std::string page = std::string(4095, 'x') + "\n";
    while (::write(end_.get(), page.data(), page.size()) > 0) {
    }
  }
  explicit operator bool() const { return static_cast<bool>(end_); }

 private:
  Fd end_;
};

TEST_F(Stream, ContinuesWhileTheLogIsNotRead) {
  HB_NEEDS_ROOT();
  ObserverProcess observer = observe_into_file();
  ASSERT_TRUE(FullErrors(observer.process()));
  observer.process().signal(SIGHUP);  // which is logged
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  observer.expect_logged("SIGHUP: opened");
  observer.stop();
}

TEST_F(Stream, SaysInTheLogThatLinesOfItAreMissing) {
  HB_NEEDS_ROOT();
  ObserverProcess observer = observe_into_file();
  ASSERT_TRUE(FullErrors(observer.process()));
  // Each time it is opened again that is logged; the new file shows that it was.
  for (int n = 0; n < 900; ++n) {
    std::filesystem::remove(file_);
    observer.process().signal(SIGHUP);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(file_); }));
  }
  EXPECT_EQ(observer.expect_loss("stderr")["reason"], "stderr") << "told where it can be";
  observer.expect_logged("lost (stderr)");
  EXPECT_GT(observer.stop()["log_lines_lost_total"], 0);
}

// --- While nobody reads ---

class StalledReader : public EveryDelivery {
 protected:
  std::string content(const std::string& path) const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_P(StalledReader, DoesNotPreventRecovery) {
  const std::string note = directory_.path("note");
  const std::string file = directory_.path("events.tsv");
  ObserverProcess observer = observe({"--recovery-exec", "sh -c 'echo {pid} >> " + note + "'",
                                      "--recovery-startup-grace-ms", "0", "--export-file", file,
                                      "--threshold-ms", "1500", "--max-beat-rate", "0"});
  Child flood = Child::run([&] { send_junk(socket_, kMany); });
  observer.expect_logged("lost (stdout)");
  Process agent(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"}));
  const std::string pid = std::to_string(agent.pid());
  ASSERT_TRUE(eventually([&] {
    return content(file).find("\tbeat\t" + pid + "\t") != std::string::npos;
  })) << "the export file grows";
  agent.signal(SIGSTOP);
  EXPECT_TRUE(eventually([&] { return content(note).starts_with(pid + "\n"); })) << content(note);
  observer.process().signal(SIGTERM);
  EXPECT_EQ(observer.process().wait(), 0);
}

INSTANTIATE_TEST_SUITE_P(Delivery, StalledReader, ::testing::Values("socket", "ring"));

// --- Losses ---

TEST_F(Run, ReportsNoLossWithoutOne) {
  ObserverProcess observer = observe();
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  observer.expect_nothing(milliseconds(700));
  observer.stop();
  EXPECT_TRUE(observer.losses().empty());
  EXPECT_EQ(observer.process().errors().find("lost"), std::string::npos);
}

TEST_F(Run, TellsThatItsTableIsFull) {
  ObserverProcess observer = observe({"--tracker-capacity", "1", "--threshold-ms", "600000"});
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  Child newcomer = Child::run([&] {
    send_claim(socket_, own_pid());
    ::pause();
  });
  const Json loss = observer.expect_loss("tracker_full");
  EXPECT_EQ(loss["count"], 1);
  EXPECT_EQ(loss["total"], 1);
  const std::string logged = observer.expect_logged("lost (tracker_full): 1");
  EXPECT_NE(logged.find("--tracker-capacity"), std::string::npos) << logged;
  observer.stop();
}

TEST_F(Run, ReportsTheRemainingLossesAtTheEnd) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  ASSERT_TRUE(agent.send(Bytes(31)));
  observer.expect_loss("wrong_length");
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(agent.send(Bytes(31)));
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  observer.stop();
  ASSERT_EQ(observer.losses().size(), 2U) << "once a minute, and at the end";
  EXPECT_EQ(observer.losses()[1]["count"], 2);
  EXPECT_EQ(observer.losses()[1]["total"], 3);
}

class Losing : public EveryDelivery {};

// The kernel program drops them, which does not wake the observer.
TEST_P(Losing, ReportsFramesThatAreTooLong) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(agent.send(Bytes(40)));
  std::uint64_t told = observer.expect_loss("wrong_length")["count"];
  observer.expect_logged("lost (wrong_length)");
  const Json counters = observer.stop();
  if (observer.losses().size() > 1) told += observer.losses()[1]["count"].get<std::uint64_t>();
  EXPECT_EQ(told, 3U);
  EXPECT_EQ(counters["stamps_dropped_total"]["wrong_length"], 3);
}

TEST_P(Losing, ReportsFramesAboveTheRate) {
  ObserverProcess observer = observe({"--max-beat-rate", "1", "--beats", "none"});
  send_all(socket_, 50, [](std::uint64_t nonce) { return frame_of(own_pid(), nonce); });
  observer.expect_loss("rate_limited");
  const std::string logged = observer.expect_logged("lost (rate_limited)");
  EXPECT_NE(logged.find("--max-beat-rate"), std::string::npos) << logged;
  observer.stop();
}

TEST_P(Losing, ReportsAFullRing) {
  ObserverProcess observer = observe({"--ring-bytes", "4096", "--max-beat-rate", "0", "--beats",
                                      "none", "--threshold-ms", "60000"});
  while_asleep(observer, [&] {
    Child sender = Child::run([&] {
      UnixAgent agent(socket_);
      for (std::uint64_t n = 1; n <= 100; ++n)
        static_cast<void>(agent.send(frame_of(own_pid(), n)));
    });
    sender.wait();
  });
  EXPECT_GT(observer.expect_loss("ring_full")["count"], 0);
  const std::string logged = observer.expect_logged("lost (ring_full)");
  EXPECT_NE(logged.find("--ring-bytes"), std::string::npos) << logged;
  observer.stop(SIGTERM, [](const Json&) {});
}

INSTANTIATE_TEST_SUITE_P(Delivery, Losing, ::testing::Values("socket", "ring"));

// They were counted nowhere: 61,538 of 1,187,031 in a flood.
TEST_F(UdpRun, TellsOfDatagramsThatItsSocketHadNoRoomFor) {
  ObserverProcess observer = observe_plainly({"--beats", "changes", "--threshold-ms", "600000"});
  observer.expect_logged("a receive buffer of");
  observer.process().signal(SIGSTOP);
  siginfo_t stopped{};
  ::waitid(P_PID, static_cast<id_t>(observer.process().pid()), &stopped, WSTOPPED | WNOWAIT);
  UdpAgent agent(UdpAddress::parse(where_).value());
  std::uint64_t sent = 0;
  for (; sent < 60'000; ++sent) ASSERT_TRUE(agent.send(Bytes(31)));
  observer.process().signal(SIGCONT);
  observer.expect_loss("udp_receive_buffer");
  observer.expect_logged("lost (udp_receive_buffer)");
  // All that waited has been read when a beat behind it is told; it may find no room itself.
  const bool read = eventually([&] {
    ++sent;
    return send_claim_over_udp(4242, sent) && !observer.next_event(milliseconds(100)).empty();
  });
  EXPECT_TRUE(read);
  const std::uint64_t drops = observer.stop()["udp_receive_buffer_drops_total"];
  std::uint64_t told = 0;
  for (const Json& loss : observer.losses()) {
    if (loss["reason"] == "udp_receive_buffer") told += loss["count"].get<std::uint64_t>();
  }
  EXPECT_EQ(told, drops);
  EXPECT_GT(drops, 0U);
  EXPECT_LT(drops, sent);
}

}  // namespace
}  // namespace hb::test
