// The observer and its agents over UDP, in plaintext and sealed.
#include "tests/support/needs.hpp"
#include "tests/support/udp_fixture.hpp"

namespace hb::test {
namespace {

// --- Plaintext ---

TEST_F(UdpRun, ListensOnlyWhenItIsAskedTo) {
  ObserverProcess observer(socket_, {"--attest", "procfs"});
  EXPECT_FALSE(observer.ready().contains("udp"));
  EXPECT_TRUE(UdpListener::open(UdpAddress::parse(where_).value())) << "the port is free";
  observer.stop();
}

TEST_F(UdpRun, SaysWhereItListens) {
  ObserverProcess observer = observe_plainly();
  EXPECT_EQ(observer.ready()["udp"], where_);
  EXPECT_FALSE(UdpListener::open(UdpAddress::parse(where_).value())) << "the port is taken";
  observer.stop();
}

TEST_F(UdpRun, AcceptsPlaintextAsNetworkUnverified) {
  ObserverProcess observer = observe_plainly();
  ASSERT_TRUE(send_claim_over_udp(4242, 7));
  const Json beat = observer.expect("beat");
  EXPECT_EQ(beat["pid"], 4242);
  EXPECT_EQ(beat["nonce"], 7);
  EXPECT_EQ(beat["origin"], "network_unverified");
  EXPECT_TRUE(beat["pid_ns_inode"].is_null());
  EXPECT_EQ(observer.stop()["beats_total"], 1);
}

TEST_F(UdpRun, MarksBeatsAsOperatorAttested) {
  ObserverProcess observer = observe_plainly({"--i-accept-recovery-on-unauthenticated-transport"});
  ASSERT_TRUE(send_claim_over_udp(4242));
  EXPECT_EQ(observer.expect("beat")["origin"], "operator_attested_transport");
  observer.stop();
}

TEST_F(UdpRun, RefusesAPidThatNoProcessCanHave) {
  ObserverProcess observer = observe_plainly();
  ASSERT_TRUE(send_claim_over_udp(0xFFFFFFFF));
  const Json failure = observer.expect("auth_failure");
  EXPECT_EQ(failure["claimed_pid"], 0xFFFFFFFF);
  EXPECT_EQ(failure["cause"], "pid_mismatch");
  EXPECT_TRUE(failure["attested_pid"].is_null());
  observer.stop();
}

TEST_F(UdpRun, SaysWhatIsWrongWithAFrame) {
  ObserverProcess observer = observe_plainly();
  ASSERT_TRUE(send(vlp::Bytes{}));
  EXPECT_EQ(observer.expect("decode")["error"], "BadMagic");
  observer.stop();
}

TEST_F(UdpRun, CountsWhatIsNoFrame) {
  ObserverProcess observer = observe_plainly();
  for (const std::size_t length : {0U, 31U, 33U, 60U, 64U, 1000U}) {
    ASSERT_TRUE(send(std::vector<std::uint8_t>(length)));
  }
  ASSERT_TRUE(send_claim_over_udp(4242));
  observer.expect("beat");
  EXPECT_EQ(observer.stop()["frames_dropped_total"]["wrong_length"], 6);
}

TEST_F(UdpRun, NoticesASilence) {
  ObserverProcess observer = observe_plainly({"--threshold-ms", "200", "--beats", "none"});
  ASSERT_TRUE(send_claim_over_udp(4242, 9));
  const Json stall = observer.expect("stall");
  EXPECT_EQ(stall["pid"], 4242);
  EXPECT_EQ(stall["last_nonce"], 9);
  EXPECT_EQ(stall["cause"], "silence");
  EXPECT_EQ(stall["origin"], "network_unverified");
  observer.expect_nothing();
  observer.stop();
}

TEST_F(UdpRun, DoesNotTakeABeatingAgentForSilent) {
  ObserverProcess observer = observe_plainly({"--threshold-ms", "1000", "--beats", "none"});
  Process process(agent({}));
  observer.expect_nothing(milliseconds(2200));
  EXPECT_GT(observer.stop()["beats_total"], 10);
}

TEST_F(UdpRun, ListensOnIpv6) {
  HB_NEEDS(UdpListener::open(UdpAddress::of("::1", 0).value()), "IPv6");
  ObserverProcess observer = observe_plainly({"--udp-bind-addr", "::1"});
  EXPECT_EQ(observer.ready()["udp"], "[::1]:" + port_);
  Process process(hb_ebpf({"beat", "--udp", "[::1]:" + port_, "--count", "1"}));
  EXPECT_EQ(process.wait(), 0) << process.errors();
  observer.expect("beat");
  observer.stop();
}

TEST_F(UdpRun, FailsWhenThePortIsTaken) {
  const auto taken = UdpListener::open(UdpAddress::parse(where_).value());
  ASSERT_TRUE(taken);
  const Outcome outcome = run_to_end({"run", "--socket", socket_, "--attest", "procfs",
                                      "--udp-port", port_, "--i-accept-plaintext-udp"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find(where_), std::string::npos) << outcome.err;
}

// --- Sealed ---

TEST_F(UdpRun, AcceptsASealedBeat) {
  ObserverProcess observer = observe({"--key-file", key_file()});
  beat({"--key-file", key_file(), "--payload", "9"}, 3);
  for (std::uint64_t nonce = 1; nonce <= 3; ++nonce) {
    const Json event = observer.expect("beat");
    EXPECT_EQ(event["nonce"], nonce);
    EXPECT_EQ(event["payload"], 9);
    EXPECT_EQ(event["origin"], "network_unverified");
  }
  const Json counters = observer.stop();
  EXPECT_EQ(counters["beats_total"], 3);
  EXPECT_EQ(counters["secure_senders"], 1);
}

TEST_F(UdpRun, AcceptsAnAgentWithItsOwnKey) {
  ObserverProcess observer = observe({"--master-key-file", key_file()});
  beat({"--master-key-file", key_file()});
  observer.expect("beat");
  observer.stop();
}

TEST_F(UdpRun, TellsTheTwoKeysApart) {
  ObserverProcess observer =
      observe({"--key-file", key_file('a'), "--master-key-file", key_file('b')});
  beat({"--key-file", key_file('a')});
  observer.expect("beat");
  beat({"--master-key-file", key_file('b')});
  observer.expect("beat");
  beat({"--key-file", key_file('b')});
  beat({"--master-key-file", key_file('a')});
  EXPECT_EQ(observer.stop()["frames_dropped_total"]["decrypt_failed"], 2);
}

TEST_F(UdpRun, WithKeysTakesNothingInPlaintext) {
  ObserverProcess observer = observe({"--key-file", key_file()});
  ASSERT_TRUE(send_claim_over_udp(4242));
  beat({"--key-file", key_file()});
  observer.expect("beat");
  EXPECT_EQ(observer.stop()["frames_dropped_total"]["wrong_length"], 1);
}

// One agent's key does not make it another agent. It is a count, not an event.
TEST_F(UdpRun, RefusesAnAgentThatClaimsToBeAnother) {
  ObserverProcess observer = observe({"--master-key-file", key_file()});
  beat({"--master-key-file", key_file(), "--claim-pid", "4242"});
  beat({"--master-key-file", key_file()});
  observer.expect("beat");
  EXPECT_EQ(observer.stop()["frames_dropped_total"]["agent_pid_mismatch"], 1);
}

TEST_F(UdpRun, NoticesThatASealedAgentWasKilled) {
  ObserverProcess observer =
      observe({"--key-file", key_file(), "--threshold-ms", "300", "--beats", "changes"});
  Process process(agent({"--key-file", key_file()}));
  EXPECT_EQ(observer.expect("beat")["pid"], process.pid());
  process.signal(SIGKILL);
  EXPECT_EQ(observer.expect("stall")["pid"], process.pid());
  observer.stop();
}

// What is sent to one observer is recorded and sent to it again.
TEST_F(UdpRun, RefusesAReplay) {
  std::array<UdpDatagram, 4> recorded;
  std::size_t count = 0;
  {
    const auto recorder = UdpListener::open(UdpAddress::parse(where_).value());
    ASSERT_TRUE(recorder);
    beat({"--key-file", key_file(), "--claim-pid", "4242"}, 2);
    count = recorder.value()->receive(recorded).value();
  }
  ASSERT_EQ(count, 2U);
  ObserverProcess observer = observe({"--key-file", key_file()});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(send(recorded[0].bytes()));
  EXPECT_EQ(observer.expect("beat")["nonce"], 1);
  ASSERT_TRUE(send(recorded[1].bytes()));
  EXPECT_EQ(observer.expect("beat")["nonce"], 2);
  ASSERT_TRUE(send(recorded[0].bytes()));
  beat({"--key-file", key_file()});
  observer.expect("beat");
  EXPECT_EQ(observer.stop()["frames_dropped_total"]["replayed"], 3);
}

TEST_F(UdpRun, EndsBeforeItListensWhenAKeyFileIsBad) {
  const std::string path = key_file();
  ::chmod(path.c_str(), 0644);
  for (const char* flag : {"--key-file", "--master-key-file"}) {
    const Outcome outcome = run_to_end(
        {"run", "--socket", socket_, "--attest", "procfs", "--udp-port", port_, flag, path});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find("chmod 600"), std::string::npos) << outcome.err;
  }
}

TEST_F(UdpRun, AnAgentEndsWhenItsKeyFileIsBad) {
  const Outcome outcome = run_to_end({"beat", "--udp", where_, "--key-file", "/dev/null"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("/dev/null"), std::string::npos) << outcome.err;
}

TEST_F(UdpRun, AnAgentSaysThatNobodyReceives) {
  const Outcome outcome =
      run_to_end({"beat", "--udp", where_, "--count", "3", "--interval-ms", "20"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("nobody receives at " + where_), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace hb::test
