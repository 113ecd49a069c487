// Kernel attestation of senders, from agent to event.
#include <filesystem>
#include <thread>

#include "tests/support/attest_fixture.hpp"

namespace hb::test {
namespace {

TEST_P(EveryDelivery, AcceptsAnHonestBeat) {
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

TEST_P(EveryDelivery, RefusesAWrongClaim) {
  ObserverProcess observer = observe();
  ASSERT_TRUE(send_claim(socket_, own_pid() + 1));
  const Json failure = observer.expect("auth_failure");
  EXPECT_EQ(failure["claimed_pid"], own_pid() + 1);
  EXPECT_EQ(failure["attested_pid"], own_pid());
  EXPECT_EQ(failure["cause"], "pid_mismatch");
  stop(observer);
}

// SCM_CREDENTIALS contains only the victim's pid here.
TEST_P(EveryDelivery, RefusesForgedCredentials) {
  ObserverProcess observer = observe();
  const auto victim = static_cast<std::uint32_t>(observer.process().pid());
  ASSERT_TRUE(send_forged(socket_, victim));
  const Json failure = observer.expect("auth_failure");
  EXPECT_EQ(failure["claimed_pid"], victim);
  EXPECT_EQ(failure["attested_pid"], own_pid());
  stop(observer);
}

// A root agent with another pid in SCM_CREDENTIALS that claims its own pid is accepted.
TEST_P(EveryDelivery, AcceptsATrueClaimWithForgedCredentials) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  agent.present_as(static_cast<std::uint32_t>(observer.process().pid()));
  ASSERT_TRUE(agent.send(frame_of(own_pid())));
  EXPECT_EQ(observer.expect("beat")["pid"], own_pid());
  stop(observer);
}

TEST_P(EveryDelivery, NamesTheSenderNotTheOneWhoConnected) {
  ObserverProcess observer = observe();
  UnixAgent agent(socket_);
  ASSERT_TRUE(agent.send(frame_of(own_pid())));
  observer.expect("beat");
  Child child = Child::run([&] { [[maybe_unused]] auto sent = agent.send(frame_of(own_pid())); });
  EXPECT_EQ(observer.expect("beat")["pid"], child.pid());
  stop(observer);
}

TEST_P(EveryDelivery, NamesASenderThatIsGone) {
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

TEST_P(EveryDelivery, ReportsAnAgentOfAnotherNamespace) {
  ObserverProcess observer = observe();
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, own_pid()); }), 0);
  const Json conflict = observer.expect("namespace_conflict");
  EXPECT_EQ(conflict["claimed_pid"], 2);
  EXPECT_EQ(conflict["observer_ns_inode"], namespace_inode());
  EXPECT_NE(conflict["observed_ns_inode"], namespace_inode());
  EXPECT_GT(conflict["attested_pid"].get<std::uint32_t>(), 2U);
  stop(observer);
}

TEST_P(EveryDelivery, RefusesAForgerOfAnotherNamespace) {
  ObserverProcess observer = observe();
  const auto victim = static_cast<std::uint32_t>(observer.process().pid());
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, victim); }), 0);
  const Json failure = observer.expect("auth_failure");
  EXPECT_EQ(failure["claimed_pid"], victim);
  EXPECT_EQ(failure["cause"], "pid_mismatch");
  stop(observer);
}

TEST_P(EveryDelivery, AcceptsAnAgentOfAnotherNamespaceUnderItsPidHere) {
  ObserverProcess observer = observe({"--allow-cross-namespace-agents"});
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, own_pid()); }), 0);
  const Json beat = observer.expect("beat");
  EXPECT_EQ(beat["claimed_pid"], 2);
  EXPECT_GT(beat["pid"].get<std::uint32_t>(), 2U);
  EXPECT_NE(beat["pid_ns_inode"], namespace_inode());
  stop(observer);
}

TEST_P(EveryDelivery, PolicyDoesNotAcceptAForgerOfAnotherNamespace) {
  ObserverProcess observer = observe({"--allow-cross-namespace-agents"});
  const auto victim = static_cast<std::uint32_t>(observer.process().pid());
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, victim); }), 0);
  observer.expect("auth_failure");
  stop(observer);
}

TEST_P(EveryDelivery, EndsOnAnotherNamespaceWhenItIsStrict) {
  ObserverProcess observer = observe({"--strict-namespace-check"});
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, own_pid()); }), 0);
  observer.expect("namespace_conflict");
  observer.expect("stopped");
  EXPECT_EQ(observer.process().wait(), 4);
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

// unshare(CLONE_NEWPID) affects later children, not the process itself.
TEST_P(EveryDelivery, KnowsWhereAProcessIsAndNotWhereItsChildrenWillBe) {
  ObserverProcess observer = observe({"--strict-namespace-check"});
  Child agent = Child::run([&] {
    become(::unshare(CLONE_NEWPID));
    send_claim(socket_, own_pid());
  });
  EXPECT_EQ(observer.expect("beat")["pid"], agent.pid());
  stop(observer);
}

// This test once waited 400 ms for the agent's first beat, which a slow machine exceeded: an agent
// that is stopped before its first beat does not stall. On such a machine the agent may also stall
// between two beats, with a stall and a beat more than these.
TEST_P(EveryDelivery, NoticesASilentAgent) {
  ObserverProcess observer = observe({"--threshold-ms", "200", "--beats", "changes"});
  Process agent(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"}));
  EXPECT_EQ(observer.expect("beat")["pid"], agent.pid());
  agent.signal(SIGSTOP);
  const Json stall = observer.expect("stall");
  EXPECT_EQ(stall["pid"], agent.pid());
  EXPECT_EQ(stall["origin"], "kernel_attested");
  agent.signal(SIGCONT);
  EXPECT_EQ(observer.expect("beat")["pid"], agent.pid()) << "the end of its silence";
  agent.signal(SIGKILL);
  EXPECT_EQ(observer.expect_death()["pid"], agent.pid());
  stop(observer);
}

}  // namespace
}  // namespace hb::test
