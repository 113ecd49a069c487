// Two origins for one pid: kernel attestation, and UDP.
#include "tests/support/attest_fixture.hpp"
#include "tests/support/udp_fixture.hpp"

namespace hb::test {
namespace {

class AttestWithUdp : public Attest {
 protected:
  ObserverProcess observe_both(Argv more = {}) {
    more.insert(more.end(), {"--udp-port", port_, "--i-accept-plaintext-udp"});
    return observe(more);
  }

  bool send_claim_over_udp(std::uint32_t pid, std::uint64_t nonce) {
    UdpAgent sender(UdpAddress::parse("127.0.0.1:" + port_).value());
    return static_cast<bool>(sender.send(frame_of(pid, nonce)));
  }

  const std::string port_ = free_port();
};

TEST_F(AttestWithUdp, BothSourcesAreRead) {
  ObserverProcess observer = observe_both();
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  EXPECT_EQ(observer.expect("beat")["origin"], "kernel_attested");
  ASSERT_TRUE(send_claim_over_udp(4242, 1));
  EXPECT_EQ(observer.expect("beat")["origin"], "network_unverified");
  stop(observer);
}

TEST_F(AttestWithUdp, AUdpBeatForAnAttestedAgentIsAnOriginConflict) {
  ObserverProcess observer = observe_both({"--threshold-ms", "1500"});
  ASSERT_TRUE(send_claim(socket_, own_pid(), 5));
  observer.expect("beat");
  ASSERT_TRUE(send_claim_over_udp(own_pid(), 6));
  const Json conflict = observer.expect("origin_conflict");
  EXPECT_EQ(conflict["claimed_pid"], own_pid());
  EXPECT_EQ(conflict["observed_origin"], "network_unverified");
  EXPECT_EQ(conflict["slot_origin"], "kernel_attested");
  const Json stall = observer.expect("stall");
  EXPECT_EQ(stall["last_nonce"], 5) << "and it does not postpone the stall";
  EXPECT_EQ(stall["origin"], "kernel_attested");
  stop(observer);
}

TEST_F(AttestWithUdp, AnAttestedBeatForAUdpAgentIsAnOriginConflict) {
  ObserverProcess observer = observe_both();
  ASSERT_TRUE(send_claim_over_udp(own_pid(), 5));
  observer.expect("beat");
  ASSERT_TRUE(send_claim(socket_, own_pid(), 6));
  const Json conflict = observer.expect("origin_conflict");
  EXPECT_EQ(conflict["observed_origin"], "kernel_attested");
  EXPECT_EQ(conflict["slot_origin"], "network_unverified");
  ASSERT_TRUE(send_claim_over_udp(own_pid(), 6));
  EXPECT_EQ(observer.expect("beat")["nonce"], 6);
  stop(observer);
}

TEST_F(AttestWithUdp, AnAttestedBeatTakesAClaimedPidIfTheStrongestIsPreferred) {
  ObserverProcess observer = observe_both({"--origin-precedence", "strongest"});
  ASSERT_TRUE(send_claim_over_udp(own_pid(), 5));
  observer.expect("beat");
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  const Json conflict = observer.expect("origin_conflict");
  EXPECT_EQ(conflict["observed_origin"], "network_unverified");
  EXPECT_EQ(conflict["slot_origin"], "kernel_attested");
  EXPECT_EQ(conflict["taken_over"], true);
  EXPECT_EQ(observer.expect("beat")["origin"], "kernel_attested");
  ASSERT_TRUE(send_claim_over_udp(own_pid(), 6));
  EXPECT_FALSE(observer.expect("origin_conflict").contains("taken_over"));
  stop(observer);
}

TEST_F(AttestWithUdp, AnAttestedBeatTakesAClaimedPidOnceTheClaimantIsSilent) {
  ObserverProcess observer = observe_both({"--threshold-ms", "300"});
  ASSERT_TRUE(send_claim_over_udp(own_pid(), 5));
  observer.expect("beat");
  EXPECT_EQ(observer.expect("stall")["origin"], "network_unverified");
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  EXPECT_EQ(observer.expect("origin_conflict")["taken_over"], true);
  EXPECT_EQ(observer.expect("beat")["origin"], "kernel_attested");
  EXPECT_EQ(observer.expect("stall")["origin"], "kernel_attested");
  stop(observer);
}

// A stall of one is not hidden by the beats of the other.
TEST_F(AttestWithUdp, AFloodOverUdpHidesNoSilence) {
  ObserverProcess observer = observe_both({"--threshold-ms", "300", "--beats", "none"});
  ASSERT_TRUE(send_claim(socket_, own_pid(), 5));
  Process flood(hb_ebpf({"beat", "--udp", "127.0.0.1:" + port_, "--interval-ms", "0"}));
  EXPECT_EQ(observer.expect("stall")["pid"], own_pid());
  flood.signal(SIGKILL);
  flood.wait();
  observer.process().signal(SIGTERM);
  EXPECT_EQ(observer.process().wait(), 0);
}

}  // namespace
}  // namespace hb::test
