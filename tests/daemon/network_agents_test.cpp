// Agents on two other hosts (network namespaces) that have one pid. They were one agent: no beat of
// the second was accepted, and nothing said so.
#include <fstream>
#include <map>
#include <set>

#include "tests/support/needs.hpp"
#include "tests/support/two_hosts.hpp"
#include "tests/support/udp_fixture.hpp"

namespace hb::test {
namespace {

constexpr int kPid = 2;  // of each agent, on its host

class NetworkAgents : public UdpRun {
 protected:
  static constexpr int kBeatsAtMost = 2000;

  void SetUp() override {
    HB_NEEDS_ROOT();
    hosts_ = std::make_unique<TwoHosts>();
    HB_NEEDS(hosts_->is_made(), "network namespaces, and ip(8)");
  }

  ObserverProcess observe_all(Argv more) {
    more.insert(more.end(), {"--udp-bind-addr", "0.0.0.0"});
    return observe(more);
  }

  // An agent on that host that beats until it is killed.
  std::unique_ptr<Process> agent_on(int host, Argv more = {}) {
    more.insert(more.begin(), {"beat", "--udp", TwoHosts::observer_at(host) + ":" + port_,
                               "--interval-ms", "20"});
    return std::make_unique<Process>(hosts_->on(host, hb_ebpf(more)));
  }

  // Reads beats until each of these hosts has had so many.
  static void expect_beats(ObserverProcess& observer, std::set<std::string> wanted) {
    std::map<std::string, int> beats;
    for (int n = 0; !wanted.empty(); ++n) {
      if (n == kBeatsAtMost) observer.give_up("no beats from " + *wanted.begin());
      const Json beat = observer.expect("beat");
      EXPECT_EQ(beat["pid"], kPid);
      if (++beats[beat.value("host", "this")] == 5) wanted.erase(beat.value("host", "this"));
    }
  }

  static Json next_stall(ObserverProcess& observer) {
    for (;;) {
      Json event = observer.next_event();
      if (event.value("event", "") == "stall") return event;
      if (event.value("event", "") != "beat") observer.give_up("no stall: " + event.dump());
    }
  }

  static Json counters_at_the_end(ObserverProcess& observer) {
    observer.process().signal(SIGTERM);
    for (;;) {
      Json event = observer.next_event();
      if (event.value("event", "") == "stopped") return event["counters"];
      if (event.empty()) observer.give_up("not stopped");
    }
  }

  const std::string first_ = TwoHosts::address_of(1);
  const std::string second_ = TwoHosts::address_of(2);
  std::unique_ptr<TwoHosts> hosts_;
};

TEST_F(NetworkAgents, WithOnePidAreToldApartByTheirAddresses) {
  ObserverProcess observer =
      observe_all({"--i-accept-plaintext-udp", "--threshold-ms", "2000", "--beats", "all"});
  const auto one = agent_on(1);
  const auto other = agent_on(2);
  expect_beats(observer, {first_, second_});
  one->signal(SIGKILL);
  const Json stall = next_stall(observer);
  EXPECT_EQ(stall["pid"], kPid);
  EXPECT_EQ(stall["host"], first_);
  EXPECT_EQ(stall["cause"], "silence");
  expect_beats(observer, {second_});
  other->signal(SIGKILL);
  const Json counters = counters_at_the_end(observer);
  EXPECT_EQ(counters["out_of_order_total"], 0);
  EXPECT_EQ(counters["origin_conflicts_total"], 0);
}

TEST_F(NetworkAgents, WithTheSharedKeyTooAreToldApartByTheirAddresses) {
  const Argv key{"--key-file", key_file()};
  ObserverProcess observer = observe_all(key);
  const auto one = agent_on(1, key);
  const auto other = agent_on(2, key);
  expect_beats(observer, {first_, second_});
  const Json counters = counters_at_the_end(observer);
  EXPECT_EQ(counters["frames_dropped_total"]["replayed"], 0);
  EXPECT_EQ(counters["secure_senders"], 2);
}

TEST_F(NetworkAgents, AreToldApartByTheirKeys) {
  const std::string shared = key_file('a');
  const std::string master = key_file('b');
  ObserverProcess observer = observe_all({"--key-file", shared, "--master-key-file", master});
  const auto one = agent_on(1, {"--key-file", shared});
  const auto other = agent_on(2, {"--master-key-file", master});
  expect_beats(observer, {first_, second_});
  EXPECT_EQ(counters_at_the_end(observer)["frames_dropped_total"]["replayed"], 0);
}

// The key of an agent is for its pid: whoever has it is that agent.
TEST_F(NetworkAgents, WithOneKeyOfTheirOwnAreOneAgent) {
  const Argv key{"--master-key-file", key_file()};
  ObserverProcess observer = observe_all(key);
  const auto one = agent_on(1, key);
  expect_beats(observer, {first_});
  const auto other = agent_on(2, {key[0], key[1], "--count", "3"});
  EXPECT_EQ(other->wait(), 0) << other->errors();
  const Json counters = counters_at_the_end(observer);
  EXPECT_EQ(counters["secure_senders"], 1);
  const int replayed = counters["frames_dropped_total"]["replayed"];
  EXPECT_GE(replayed + counters["out_of_order_total"].get<int>(), 3) << counters;
}

// --udp-bind-addr twice: a socket for each family.
TEST_F(NetworkAgents, OnHostsOfBothFamiliesAreHeard) {
  ObserverProcess observer =
      observe({"--i-accept-plaintext-udp", "--udp-bind-addr", "0.0.0.0", "--udp-bind-addr", "::"});
  EXPECT_EQ(observer.ready()["udp"], "0.0.0.0:" + port_);
  EXPECT_EQ(observer.ready()["udp_addresses"], (Json{"0.0.0.0:" + port_, "[::]:" + port_}));
  const auto one = agent_on(1);
  Process other(
      hosts_->on(2, hb_ebpf({"beat", "--udp", "[" + TwoHosts::observer_at_v6(2) + "]:" + port_,
                             "--interval-ms", "20"})));
  expect_beats(observer, {first_, TwoHosts::address_of_v6(2)});
  counters_at_the_end(observer);
}

// The observer's own address is this host, whatever the interface.
TEST_F(NetworkAgents, OnThisHostAreProcessesOfThisHost) {
  ObserverProcess observer = observe_all({"--i-accept-plaintext-udp"});
  Process here(hb_ebpf({"beat", "--udp", TwoHosts::observer_at(1) + ":" + port_, "--count", "1"}));
  EXPECT_FALSE(observer.expect("beat").contains("host"));
  EXPECT_EQ(here.wait(), 0);
  const auto there = agent_on(1);
  EXPECT_EQ(observer.expect("beat")["host"], first_);
  counters_at_the_end(observer);
}

// With pids of the observer's host that are alive: the remote agent claims the test's own.
TEST_F(NetworkAgents, AreNeverRecoveredWhateverTheOperatorAccepts) {
  const std::string note = directory_.path("note");
  ObserverProcess observer =
      observe_all({"--i-accept-plaintext-udp", "--i-accept-recovery-on-unauthenticated-transport",
                   "--threshold-ms", "300", "--beats", "none", "--recovery-startup-grace-ms", "0",
                   "--recovery-exec", "/usr/bin/touch " + note});
  const auto remote = agent_on(1, {"--claim-pid", std::to_string(own_pid()), "--count", "1"});
  const Json stall = observer.expect("stall");
  EXPECT_EQ(stall["pid"], own_pid());
  EXPECT_EQ(stall["host"], first_);
  EXPECT_EQ(stall["origin"], "operator_attested_transport");
  EXPECT_NE(observer.expect_logged("remote_host").find(" at " + first_), std::string::npos);
  const Json counters = counters_at_the_end(observer);
  EXPECT_EQ(counters["recovery_refused_total"]["remote_host"], 1);
  EXPECT_EQ(counters["recovery_total"]["spawned"], 0);
  EXPECT_FALSE(std::ifstream(note).good());
}

}  // namespace
}  // namespace hb::test
