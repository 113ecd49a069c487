// The reason why hb-ebpf exists: what the kernel says about a sender, from agent to event.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "e2e/agent.hpp"
#include "e2e/observer_process.hpp"

namespace hb::test {
namespace {

using std::chrono::milliseconds;
using Outcome = UnixAgent::Outcome;

std::uint64_t namespace_inode() {
  struct stat link {};
  ::stat("/proc/self/ns/pid", &link);
  return link.st_ino;
}

// At rest every attempt is a stamp or a counted drop, and every stamp is accounted for.
void expect_balance(const Json& counters) {
  const auto count = [&](const char* name) { return counters.value(name, std::uint64_t{0}); };
  std::uint64_t dropped = 0;
  for (const auto& [reason, value] : counters["stamps_dropped_total"].items()) {
    dropped += value.get<std::uint64_t>();
  }
  EXPECT_EQ(count("stamp_attempts_total"), count("stamps_total") + dropped) << counters;
  EXPECT_EQ(count("stamps_total"), count("stamps_matched_total") + count("stamps_orphaned_total") +
                                       count("stamps_waiting"))
      << counters;
}

class Attest : public ::testing::Test {
 protected:
  void SetUp() override {
    const hb::test::Outcome doctor = run_to_end({"doctor"});
    if (doctor.code == 0) return;
    if (std::getenv("CI") != nullptr) FAIL() << doctor.out;
    GTEST_SKIP() << "no kernel attestation here:\n" << doctor.out;
  }

  ObserverProcess observe(Argv more = {}) { return ObserverProcess(socket_, more); }

  void stop(ObserverProcess& observer) { expect_balance(observer.stop()); }

  // Sends while the observer sleeps, so that what is sent waits together.
  template <typename Work>
  void while_asleep(ObserverProcess& observer, Work work) {
    observer.process().signal(SIGSTOP);
    siginfo_t stopped{};
    ::waitid(P_PID, static_cast<id_t>(observer.process().pid()), &stopped, WSTOPPED | WNOWAIT);
    work();
    observer.process().signal(SIGCONT);
  }

  TemporaryDirectory directory_;
  const std::string socket_ = directory_.path("hb.sock");
};

TEST_F(Attest, AcceptsAnHonestBeat) {
  ObserverProcess observer = observe();
  ASSERT_TRUE(send_claim(socket_, own_pid(), 7));
  const Json beat = observer.expect("beat");
  EXPECT_EQ(beat["pid"], own_pid());
  EXPECT_EQ(beat["nonce"], 7);
  EXPECT_EQ(beat["origin"], "kernel_attested");
  EXPECT_EQ(beat["pid_ns_inode"], namespace_inode());
  EXPECT_EQ(observer.ready()["pid_ns_inode"], namespace_inode());
  stop(observer);
}

TEST_F(Attest, SeesThroughAWrongClaim) {
  ObserverProcess observer = observe();
  ASSERT_TRUE(send_claim(socket_, own_pid() + 1));
  const Json failure = observer.expect("auth_failure");
  EXPECT_EQ(failure["claimed_pid"], own_pid() + 1);
  EXPECT_EQ(failure["attested_pid"], own_pid());
  EXPECT_EQ(failure["cause"], "pid_mismatch");
  stop(observer);
}

// What SCM_CREDENTIALS cannot see: there the victim's pid is all that the receiver gets.
TEST_F(Attest, SeesThroughForgedCredentials) {
  ObserverProcess observer = observe();
  const auto victim = static_cast<std::uint32_t>(observer.process().pid());
  ASSERT_TRUE(send_forged(socket_, victim));
  const Json failure = observer.expect("auth_failure");
  EXPECT_EQ(failure["claimed_pid"], victim);
  EXPECT_EQ(failure["attested_pid"], own_pid());
  stop(observer);
}

// A root agent that shows somebody else's pid, but claims its own, is who it claims to be.
TEST_F(Attest, DoesNotMindForgedCredentialsUnderAnHonestClaim) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  agent.present_as(static_cast<std::uint32_t>(observer.process().pid()));
  ASSERT_TRUE(agent.send(frame_of(own_pid())));
  EXPECT_EQ(observer.expect("beat")["pid"], own_pid());
  stop(observer);
}

TEST_F(Attest, NamesTheSenderNotTheOneWhoConnected) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  ASSERT_TRUE(agent.send(frame_of(own_pid())));
  observer.expect("beat");
  Child child = Child::run([&] { [[maybe_unused]] auto sent = agent.send(frame_of(own_pid())); });
  EXPECT_EQ(observer.expect("beat")["pid"], child.pid());
  stop(observer);
}

TEST_F(Attest, NamesASenderThatIsGone) {
  ObserverProcess observer = observe();
  std::uint32_t sender = 0;
  while_asleep(observer, [&] {
    Child child = Child::run([&] { send_claim(socket_, own_pid()); });
    sender = static_cast<std::uint32_t>(child.pid());
    child.wait();
  });
  const Json beat = observer.expect("beat");
  EXPECT_EQ(beat["pid"], sender);
  EXPECT_EQ(beat["origin"], "kernel_attested");
  stop(observer);
}

TEST_F(Attest, NoticesAnHonestForeigner) {
  ObserverProcess observer = observe();
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, own_pid()); }), 0);
  const Json conflict = observer.expect("namespace_conflict");
  EXPECT_EQ(conflict["claimed_pid"], 2);
  EXPECT_EQ(conflict["observer_ns_inode"], namespace_inode());
  EXPECT_NE(conflict["observed_ns_inode"], namespace_inode());
  EXPECT_GT(conflict["attested_pid"].get<std::uint32_t>(), 2U);
  stop(observer);
}

TEST_F(Attest, SeesThroughAForgerFromAbroad) {
  ObserverProcess observer = observe();
  const auto victim = static_cast<std::uint32_t>(observer.process().pid());
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, victim); }), 0);
  const Json failure = observer.expect("auth_failure");
  EXPECT_EQ(failure["claimed_pid"], victim);
  EXPECT_EQ(failure["cause"], "pid_mismatch");
  stop(observer);
}

TEST_F(Attest, AdmitsAForeignerUnderItsPidHere) {
  ObserverProcess observer = observe({"--allow-cross-namespace-agents"});
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, own_pid()); }), 0);
  const Json beat = observer.expect("beat");
  EXPECT_EQ(beat["claimed_pid"], 2);
  EXPECT_GT(beat["pid"].get<std::uint32_t>(), 2U);
  EXPECT_NE(beat["pid_ns_inode"], namespace_inode());
  stop(observer);
}

TEST_F(Attest, AdmitsNoForgerFromAbroadEither) {
  ObserverProcess observer = observe({"--allow-cross-namespace-agents"});
  const auto victim = static_cast<std::uint32_t>(observer.process().pid());
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, victim); }), 0);
  observer.expect("auth_failure");
  stop(observer);
}

TEST_F(Attest, EndsOnAForeignerWhenItIsStrict) {
  ObserverProcess observer = observe({"--strict-namespace-check"});
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, own_pid()); }), 0);
  observer.expect("namespace_conflict");
  observer.expect("stopped");
  EXPECT_EQ(observer.process().wait(), 4);
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

// unshare(CLONE_NEWPID) moves the children to come, not the process.
TEST_F(Attest, KnowsWhereAProcessIsAndNotWhereItsChildrenWillBe) {
  ObserverProcess observer = observe({"--strict-namespace-check"});
  Child agent = Child::run([&] {
    become(::unshare(CLONE_NEWPID));
    send_claim(socket_, own_pid());
  });
  EXPECT_EQ(observer.expect("beat")["pid"], agent.pid());
  stop(observer);
}

// Two processes sent the same bytes under the same credentials: nobody is believed.
TEST_F(Attest, BelievesNobodyWhenStampsDisagree) {
  ObserverProcess observer = observe();
  while_asleep(observer, [&] {
    ASSERT_TRUE(send_claim(socket_, own_pid()));
    Child forger = Child::run([parent = own_pid(), this] { send_forged(socket_, parent); });
    forger.wait();
  });
  EXPECT_EQ(observer.expect("auth_failure")["cause"], "ambiguous_stamp");
  EXPECT_EQ(observer.expect("auth_failure")["cause"], "ambiguous_stamp");
  stop(observer);
}

TEST_F(Attest, TellsEvenThoseApartBySocketBuffer) {
  ObserverProcess observer = observe({"--correlate", "skb"});
  while_asleep(observer, [&] {
    ASSERT_TRUE(send_claim(socket_, own_pid()));
    Child forger = Child::run([parent = own_pid(), this] { send_forged(socket_, parent); });
    forger.wait();
  });
  EXPECT_EQ(observer.expect("beat")["pid"], own_pid());
  EXPECT_EQ(observer.expect("auth_failure")["cause"], "pid_mismatch");
  stop(observer);
}

TEST_F(Attest, NoticesASilentAgent) {
  ObserverProcess observer = observe({"--threshold-ms", "200", "--beats", "none"});
  Process agent(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"}));
  std::this_thread::sleep_for(milliseconds(400));
  agent.signal(SIGSTOP);
  const Json stall = observer.expect("stall");
  EXPECT_EQ(stall["pid"], agent.pid());
  EXPECT_EQ(stall["origin"], "kernel_attested");
  agent.signal(SIGCONT);
  observer.expect_nothing(milliseconds(150));
  agent.signal(SIGKILL);
  observer.expect("stall");
  stop(observer);
}

TEST_F(Attest, DropsWhatIsNoFrameAndSaysHowOften) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  for (const std::size_t length : {0U, 1U, 31U, 33U, 65507U}) {
    ASSERT_TRUE(agent.send(std::vector<std::uint8_t>(length))) << length;
  }
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  const Json counters = observer.stop();
  expect_balance(counters);
  EXPECT_EQ(counters["stamps_dropped_total"]["wrong_length"].get<int>() +
                counters["frames_dropped_total"]["wrong_length"].get<int>(),
            5);
}

TEST_F(Attest, SaysWhatIsWrongWithAFrame) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  vlp::Bytes frame = frame_of(own_pid());
  frame[0] = 'X';
  ASSERT_TRUE(agent.send(frame));
  EXPECT_EQ(observer.expect("decode")["error"], "BadMagic");
  frame = frame_of(own_pid());
  frame[31] ^= 1;
  ASSERT_TRUE(agent.send(frame));
  EXPECT_EQ(observer.expect("decode")["error"], "BadCrc");
  stop(observer);
}

TEST_F(Attest, SurvivesNoise) {
  ObserverProcess observer = observe({"--beats", "none"});
  UnixAgent agent(socket_);
  std::mt19937 random(1);
  std::uniform_int_distribution<int> byte(0, 255);
  int queued = 0;
  for (int i = 0; i < 2000; ++i) {
    vlp::Bytes noise{};
    for (auto& b : noise) b = static_cast<std::uint8_t>(byte(random));
    const auto sent = agent.send(noise);
    ASSERT_TRUE(sent);
    if (sent.value() == Outcome::Queued) ++queued;
    if (i % 100 == 0) std::this_thread::sleep_for(milliseconds(1));
  }
  for (int i = 0; i < queued; ++i) observer.expect("decode");
  stop(observer);
}

std::size_t descriptors_of(pid_t pid) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_F(Attest, NoticesPassedDescriptorsAndOpensNone) {
  ObserverProcess observer = observe();
  const std::size_t before = descriptors_of(observer.process().pid());
  Child sender = Child::run([&] {
    const auto address = unix_address(socket_);
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    become(::connect(socket, reinterpret_cast<const sockaddr*>(&address.value()),
                     sizeof(sockaddr_un)));
    auto frame = frame_of(own_pid());
    iovec vector{frame.data(), frame.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    msghdr header{};
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    cmsghdr* message = CMSG_FIRSTHDR(&header);
    message->cmsg_level = SOL_SOCKET;
    message->cmsg_type = SCM_RIGHTS;
    message->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(message), &socket, sizeof(int));
    become(::sendmsg(socket, &header, 0) == ssize_t{vlp::kFrameBytes} ? 0 : 1);
  });
  ASSERT_EQ(sender.wait(), 0);
  EXPECT_EQ(observer.expect("ctrl_truncated")["errno"], 90);
  EXPECT_EQ(descriptors_of(observer.process().pid()), before);
  stop(observer);
}

// A full queue costs beats, which their senders are told, and stamps without frames, which are
// counted; it never pairs one with the other wrongly.
TEST_F(Attest, AccountsForAFullQueue) {
  ObserverProcess observer = observe({"--queue-length", "32"});
  std::uint64_t queued = 0;
  while_asleep(observer, [&] {
    UnixAgent agent(socket_);
    for (std::uint64_t nonce = 1; nonce <= 100; ++nonce) {
      const auto sent = agent.send(frame_of(own_pid(), nonce));
      ASSERT_TRUE(sent);
      if (sent.value() == Outcome::Queued) ++queued;
    }
  });
  EXPECT_EQ(queued, 33U);
  for (std::uint64_t nonce = 1; nonce <= queued; ++nonce) {
    EXPECT_EQ(observer.expect("beat")["nonce"], nonce);
  }
  const Json counters = observer.stop();
  expect_balance(counters);
  EXPECT_EQ(counters["stamp_attempts_total"], 100);
  EXPECT_EQ(counters["stamps_matched_total"], 33);
  EXPECT_EQ(counters["stamps_orphaned_total"].get<int>() + counters["stamps_waiting"].get<int>(),
            67);
}

TEST_F(Attest, KeepsNoCapability) {
  ObserverProcess observer = observe();
  std::ifstream status("/proc/" + std::to_string(observer.process().pid()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("CapEff") || line.starts_with("CapPrm")) {
      EXPECT_NE(line.find("0000000000000000"), std::string::npos) << line;
    }
  }
  stop(observer);
}

TEST_F(Attest, SaysWhyItCannot) {
  Process observer(hb_ebpf({"run", "--socket", socket_}), {}, [] {
    for (const int capability : {39 /* CAP_BPF */, 38 /* CAP_PERFMON */, 21 /* CAP_SYS_ADMIN */}) {
      ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
  });
  EXPECT_EQ(observer.wait(), 3);
  const std::string errors = observer.errors();
  EXPECT_NE(errors.find("hb-ebpf doctor"), std::string::npos) << errors;
  EXPECT_NE(errors.find("CAP_BPF"), std::string::npos) << errors;
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

TEST_F(Attest, ServesManyAgentsAtOnce) {
  ObserverProcess observer = observe({"--beats", "none", "--threshold-ms", "60000"});
  std::vector<std::unique_ptr<Process>> agents;
  for (int i = 0; i < 20; ++i) {
    agents.push_back(std::make_unique<Process>(
        hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "1", "--count", "200"})));
  }
  for (auto& agent : agents) EXPECT_EQ(agent->wait(std::chrono::seconds(30)), 0);
  const Json counters = observer.stop();
  EXPECT_EQ(counters["beats_total"], 4000);
  expect_balance(counters);
}

TEST(Doctor, SaysTheSameInTextAndJson) {
  const hb::test::Outcome text = run_to_end({"doctor"});
  const hb::test::Outcome json = run_to_end({"doctor", "--format", "json"});
  EXPECT_EQ(text.code, json.code);
  const Json parsed = Json::parse(json.out, nullptr, false);
  ASSERT_TRUE(parsed.is_object()) << json.out;
  EXPECT_EQ(parsed["ready"].get<bool>(), json.code == 0);
  EXPECT_TRUE(json.code == 0 || json.code == 3);
  for (const auto& check : parsed["checks"]) {
    EXPECT_NE(text.out.find(check["check"].get<std::string>()), std::string::npos);
    EXPECT_NE(check["state"] == "ok", !check["remedy"].get<std::string>().empty()) << check;
  }
}

}  // namespace
}  // namespace hb::test
