// Events of the observer; and what --attest procfs cannot detect.
#include <unistd.h>

#include <thread>

#include "tests/support/needs.hpp"
#include "tests/support/run_fixture.hpp"

namespace hb::test {
namespace {

TEST_F(Run, AcceptsAnHonestBeat) {
  ObserverProcess observer = observe();
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  const Json beat = observer.expect("beat");
  EXPECT_EQ(beat["pid"], own_pid());
  EXPECT_EQ(beat["origin"], "socket_mode_only");
  EXPECT_EQ(observer.stop()["beats_total"], 1);
}

TEST_F(Run, RefusesAWrongClaim) {
  ObserverProcess observer = observe();
  ASSERT_TRUE(send_claim(socket_, own_pid() + 1));
  const Json failure = observer.expect("auth_failure");
  EXPECT_EQ(failure["claimed_pid"], own_pid() + 1);
  EXPECT_EQ(failure["attested_pid"], own_pid());
  EXPECT_EQ(failure["cause"], "pid_mismatch");
  EXPECT_EQ(observer.stop()["auth_failures_total"]["pid_mismatch"], 1);
}

// --attest procfs accepts what a privileged sender writes into SCM_CREDENTIALS.
TEST_F(Run, ProcfsAcceptsForgedCredentials) {
  HB_NEEDS_ROOT();
  ObserverProcess observer = observe();
  const auto victim = static_cast<std::uint32_t>(observer.process().pid());
  ASSERT_TRUE(send_forged(socket_, victim));
  EXPECT_EQ(observer.expect("beat")["pid"], victim);
  observer.stop();
}

// And it cannot attest frames of a process that has ended.
TEST_F(Run, CannotNameASenderThatIsGone) {
  ObserverProcess observer = observe();
  observer.process().signal(SIGSTOP);
  Child sender = Child::run([&] { send_claim(socket_, own_pid()); });
  sender.wait();
  observer.process().signal(SIGCONT);
  EXPECT_EQ(observer.expect("auth_failure")["cause"], "unreadable");
  observer.stop();
}

TEST_F(Run, NoticesASilence) {
  ObserverProcess observer = observe({"--threshold-ms", "100", "--beats", "none"});
  ASSERT_TRUE(send_claim(socket_, own_pid(), 9));
  const Json stall = observer.expect("stall");
  EXPECT_EQ(stall["pid"], own_pid());
  EXPECT_EQ(stall["last_nonce"], 9);
  EXPECT_EQ(stall["cause"], "silence");
  const auto lag =
      stall["observer_ns"].get<std::uint64_t>() - stall["last_ns"].get<std::uint64_t>();
  EXPECT_GE(lag, 100'000'000U);
  EXPECT_LT(lag, 400'000'000U);
  observer.expect_nothing();
  observer.stop();
}

TEST_F(Run, DoesNotTakeABeatingAgentForSilent) {
  ObserverProcess observer = observe({"--threshold-ms", "500", "--beats", "none"});
  Process agent(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "50"}));
  observer.expect_nothing(milliseconds(1200));
  observer.stop();
}

// Beats that wait in the socket prevent a stall, however late they are read.
TEST_F(Run, BeatsThatAreReadLateAreNoSilence) {
  ObserverProcess observer = observe({"--threshold-ms", "300", "--beats", "none"});
  Process agent(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"}));
  std::this_thread::sleep_for(milliseconds(200));
  observer.process().signal(SIGSTOP);
  std::this_thread::sleep_for(milliseconds(600));
  observer.process().signal(SIGCONT);
  observer.expect_nothing(milliseconds(250));
  observer.stop();
}

TEST_F(Run, ShowsChangesOnly) {
  ObserverProcess observer = observe({"--beats", "changes"});
  UnixAgent agent(socket_);
  using vlp::Status;
  for (const auto& [nonce, status] : {std::pair{1U, Status::Ok},
                                      {2U, Status::Ok},
                                      {3U, Status::Degraded},
                                      {4U, Status::Degraded}}) {
    ASSERT_TRUE(agent.send(frame_of(own_pid(), nonce, status)));
  }
  EXPECT_EQ(observer.expect("beat")["nonce"], 1);
  EXPECT_EQ(observer.expect("beat")["nonce"], 3);
  EXPECT_EQ(observer.stop()["beats_total"], 4);
}

TEST_F(Run, WritesTextByDefault) {
  Process observer(arguments());
  const auto ready = observer.next_line();
  ASSERT_TRUE(ready);
  EXPECT_NE(ready->find(socket_), std::string::npos);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  const auto beat = observer.next_line();
  ASSERT_TRUE(beat);
  EXPECT_NE(beat->find("pid " + std::to_string(own_pid())), std::string::npos);
  observer.signal(SIGTERM);
  EXPECT_EQ(observer.wait(), 0);
}

}  // namespace
}  // namespace hb::test
