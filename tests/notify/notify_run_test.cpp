// `hb-ebpf run --notify-socket` on every kernel: whose messages they are, what becomes of those
// that are refused, and of the path of the socket.
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "tests/notify/notify_agent.hpp"
#include "tests/support/control_message.hpp"

namespace hb::test {
namespace {

// Each delivery: the notify socket does not depend on how frames come.
class NotifyDelivery : public NotifyRun, public ::testing::WithParamInterface<const char*> {
 protected:
  std::string delivery() const override { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Deliveries, NotifyDelivery, ::testing::Values("socket", "ring"));

TEST_P(NotifyDelivery, MessagesAreBeatsBesideFrames) {
  ObserverProcess observer = observe();
  ASSERT_TRUE(notify(notify_path_, "WATCHDOG=1"));
  EXPECT_EQ(expect_beat(observer, ::getpid())["nonce"], 1);
  ASSERT_TRUE(send_claim(socket_, own_pid(), 7));
  EXPECT_EQ(observer.expect("beat")["protocol"], "vlp");
  Json counters = observer.stop();
  EXPECT_EQ(counters["notify_lines_total"]["watchdog"], 1);
  expect_balance(counters);
}

// Nobody needs it to be there when its message is read.
TEST_F(NotifyRun, AHelperThatIsGoneIsKnown) {
  ObserverProcess observer = observe();
  pid_t pid = -1;
  while_asleep(observer, [&] {
    Child helper = Child::run([&] { become(notify(notify_path_, "WATCHDOG=1") ? 0 : 1); });
    pid = helper.pid();
    ASSERT_EQ(helper.wait(), 0);
  });
  expect_beat(observer, pid);
  Json death = observer.expect("stall");
  EXPECT_EQ(death["pid"], pid);
  EXPECT_EQ(death["cause"], "exited");
  EXPECT_EQ(death["exit_code"], 0);
  stop(observer);
}

TEST_F(NotifyRun, CredentialsOfAnotherAreCountedAndAccuseNobody) {
  ObserverProcess observer = observe();
  const Fd sender = connected_to(notify_path_);
  const ucred init{.pid = 1, .uid = 0, .gid = 0};
  ASSERT_GT(send_with_credentials(sender.get(), "WATCHDOG=1", 10, init), 0);
  expect_beat(observer, ::getpid());
  Json counters = observer.stop();
  EXPECT_LE(counters["notify_credentials_ignored_total"], 1);
  if (queues_datagrams()) {
    EXPECT_EQ(counters["notify_credentials_ignored_total"], 1) << "they are seen here";
  }
  EXPECT_EQ(counters["auth_failures_total"]["pid_mismatch"], 0);
  expect_balance(counters);
}

TEST_F(NotifyRun, AnotherNamespaceIsAConflict) {
  ObserverProcess observer = observe();
  in_private_namespace([&] { become(notify(notify_path_, "WATCHDOG=1") ? 0 : 1); });
  Json conflict = observer.expect("namespace_conflict");
  EXPECT_EQ(conflict["claimed_pid"], 2);
  EXPECT_EQ(conflict["observer_ns_inode"], namespace_inode());
  EXPECT_NE(conflict["observed_ns_inode"], namespace_inode());
  Json counters = observer.stop();
  EXPECT_EQ(counters["beats_total"], 0);
  EXPECT_EQ(counters["namespace_conflicts_total"], 1);
  expect_balance(counters);
}

// As of a daemon that is PID 1 in its container: unlike a frame, a message claims no pid.
TEST_F(NotifyRun, WithPermissionPid1OfAnotherNamespaceIsAnAgent) {
  ObserverProcess observer = observe({"--allow-cross-namespace-agents"});
  Child init =
      Child::run([&] { become(notify(notify_path_, "WATCHDOG=1") ? 0 : 1); }, CLONE_NEWPID);
  const pid_t pid = init.pid();
  EXPECT_EQ(init.wait(), 0);
  Json beat = expect_beat(observer, pid);
  EXPECT_NE(beat["pid_ns_inode"], namespace_inode());
  EXPECT_EQ(observer.expect_death()["pid"], pid);
  stop(observer);
}

TEST_F(NotifyRun, AConnectedSenderIsHeard) {
  ObserverProcess observer = observe();
  NotifyAgent agent(notify_path_, "WATCHDOG=1");
  expect_beat(observer, agent.pid());
  for (int n = 2; n < 10; ++n) {
    agent.say_again();
    EXPECT_EQ(expect_beat(observer, agent.pid())["nonce"], n);
  }
  const pid_t pid = agent.pid();
  EXPECT_EQ(agent.end(), 0);
  EXPECT_EQ(observer.expect_death()["pid"], pid);
  stop(observer);
}

TEST_F(NotifyRun, StatusIsEscaped) {
  ObserverProcess observer = observe();
  ASSERT_TRUE(notify(notify_path_, "READY=1\nSTATUS=\x1b[2J\"\\\t\x01 \xff {}"));
  expect_beat(observer, ::getpid());
  Json notice = observer.expect("notice");
  EXPECT_EQ(notice["status_text"], "\x1b[2J\"\\\t\x01 \xef\xbf\xbd {}");
  stop(observer);
}

TEST_F(NotifyRun, InTextNoByteOfAStatusReachesTheTerminal) {
  Process observer(
      hb_ebpf({"run", "--socket", socket_, "--notify-socket", notify_path_, "--events", "text"}));
  const auto line_with = [&](const std::string& part) {
    auto line = observer.next_line();
    while (line && line->find(part) == std::string::npos) line = observer.next_line();
    return line.value_or("");
  };
  ASSERT_NE(line_with("ready"), "");
  ASSERT_TRUE(notify(notify_path_, "READY=1\nSTATUS=\x1b[2Ja\x9b\x7f\rb"));
  EXPECT_TRUE(line_with("status: ").ends_with("status: ?[2Ja???b"));
}

// --- Silence, and silence that is none ---

TEST_F(NotifyRun, OneThatIsSilentStalls) {
  ObserverProcess observer = observe({"--threshold-ms", "300"});
  NotifyAgent agent(notify_path_, "WATCHDOG=1");
  expect_beat(observer, agent.pid());
  Json stall = observer.expect("stall");
  EXPECT_EQ(stall["pid"], agent.pid());
  EXPECT_EQ(stall["cause"], "silence");
  EXPECT_EQ(stall["protocol"], "notify");
  agent.say_again();
  expect_beat(observer, agent.pid());
}

TEST_F(NotifyRun, OneThatSaysSoHasFailed) {
  ObserverProcess observer = observe();
  NotifyAgent agent(notify_path_, "WATCHDOG=1\nWATCHDOG=trigger");
  expect_beat(observer, agent.pid());
  EXPECT_EQ(observer.expect("stall")["cause"], "trigger");
}

// Its long message has used up half a minute of its rate, and all that it says then is refused.
TEST_F(NotifyRun, OneThatIsRefusedForItsRateIsUnheardAndDoesNotStall) {
  ObserverProcess observer = observe({"--threshold-ms", "500", "--max-beat-rate", "1"});
  Child agent = Child::run([&] {
    const Fd sender = connected_to(notify_path_);
    std::string text = "WATCHDOG=1\nX=" + std::string(5000, 'x');
    for (;; text = "WATCHDOG=1") {
      become(::send(sender.get(), text.data(), text.size(), 0) > 0 ? 0 : 1);
      ::usleep(10'000);
    }
  });
  expect_beat(observer, agent.pid());
  EXPECT_GT(observer.expect_loss("unheard")["count"], 0);
  for (const Json& loss : observer.losses()) {
    EXPECT_TRUE(loss["reason"] == "unheard" || loss["reason"] == "rate_limited") << loss;
  }
}

// What does not fit into the ring is counted, and told when the observer is awake.
TEST_F(NotifyRun, AFullRingIsTold) {
  ObserverProcess observer =
      observe({"--agents-per-uid", "0", "--max-beat-rate", "0", "--beats", "none"});
  constexpr std::uint64_t kMessages = 10'000;
  const Fd sender = connected_to(notify_path_);
  while_asleep(observer, [&] {
    for (std::uint64_t n = 0; n < kMessages; ++n) {
      ASSERT_GT(::send(sender.get(), "WATCHDOG=1", 10, 0), 0) << "its sender never waits";
    }
  });
  EXPECT_GT(observer.expect_loss("ring_full")["count"], 0);
  ASSERT_GT(::send(sender.get(), "WATCHDOG_USEC=0", 15, 0), 0);
  observer.expect("notice");
  Json counters = observer.stop();
  EXPECT_EQ(counters["stamp_attempts_total"], kMessages + 1);
  expect_balance(counters);
}

// --- The path ---

// Agents choose among thresholds of their own; one user took all 64, and those of policies failed.
TEST_F(NotifyRun, PoliciesLeaveRoomForTheThresholdsOfAgents) {
  std::string text;
  for (int n = 0; n < 43; ++n) {
    const std::string number = std::to_string(n);
    text += "[[service]]\nname = \"s" + number + "\"\nmatch = { unit = \"u" + number +
            ".service\" }\nthreshold-ms = " + std::to_string(3000 + n) +
            "\nsteps = [ { signal = \"TERM\" } ]\n";
  }
  const std::string file = notify_path_ + ".toml";
  std::ofstream(file) << text;
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  const Outcome outcome = run_to_end(
      {"run", "--socket", socket_, "--notify-socket", notify_path_, "--policy-file", file});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("more than 42 different 'threshold-ms'"), std::string::npos)
      << outcome.err;
}

void expect_back(ObserverProcess& observer) {
  EXPECT_EQ(observer.expect("reach")["reachable"], false);
  Json found = observer.expect("reach");
  EXPECT_EQ(found["reachable"], true) << found;
  EXPECT_EQ(found["rebound"], true) << found;
}

TEST_F(NotifyRun, ARemovedSocketIsMadeAgainAndConnectedOnesAreHeard) {
  ObserverProcess observer = observe();
  NotifyAgent agent(notify_path_, "WATCHDOG=1");
  expect_beat(observer, agent.pid());
  ASSERT_TRUE(std::filesystem::remove(notify_path_));
  expect_back(observer);
  agent.say_again();
  expect_beat(observer, agent.pid());
  ASSERT_TRUE(notify(notify_path_, "WATCHDOG=1"));
  expect_beat(observer, ::getpid());
  ASSERT_TRUE(send_claim(socket_, own_pid(), 9)) << "the agents' socket is where it was";
  EXPECT_EQ(observer.expect("beat")["nonce"], 9);
}

TEST_F(NotifyRun, BothSocketsAreMadeAgain) {
  ObserverProcess observer = observe();
  observer.process().signal(SIGSTOP);
  ASSERT_TRUE(std::filesystem::remove(notify_path_));
  ASSERT_TRUE(std::filesystem::remove(socket_));
  observer.process().signal(SIGCONT);
  expect_back(observer);
  ASSERT_TRUE(notify(notify_path_, "WATCHDOG=1"));
  expect_beat(observer, ::getpid());
  ASSERT_TRUE(send_claim(socket_, own_pid(), 9));
  EXPECT_EQ(observer.expect("beat")["nonce"], 9);
}

TEST_F(NotifyRun, APathThatAnotherSocketGotIsTakenBackAtItsEnd) {
  ObserverProcess observer = observe();
  const std::string elsewhere = notify_path_ + ".new";
  Fd usurper(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = unix_address(elsewhere);
  ASSERT_EQ(::bind(usurper.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                   sizeof(sockaddr_un)),
            0);
  std::filesystem::rename(elsewhere, notify_path_);
  EXPECT_EQ(observer.expect("reach")["reachable"], false);
  usurper.reset();
  EXPECT_EQ(observer.expect("reach")["rebound"], true);
  ASSERT_TRUE(notify(notify_path_, "WATCHDOG=1"));
  expect_beat(observer, ::getpid());
}

TEST_F(NotifyRun, AtItsEndNothingIsLeft) {
  {
    ObserverProcess observer = observe();
    stop(observer);
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path(".")));
}

}  // namespace
}  // namespace hb::test
