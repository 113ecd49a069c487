// The observer as an ordinary user with CAP_BPF and CAP_PERFMON alone: on every kernel it starts,
// attests and recovers, and doctor says what is missing. This program has the tests of
// attest_identity_test.cpp too, with such an observer.
#include <sys/resource.h>
#include <sys/utsname.h>

#include <cstdio>
#include <fstream>

#include "tests/recovery/paced_agent.hpp"
#include "tests/support/attest_fixture.hpp"

namespace hb::test {
namespace {

INSTANTIATE_TEST_SUITE_P(TwoCapabilities, EveryDelivery, ::testing::Values("socket"),
                         [](const auto& delivery) { return std::string(delivery.param); });

bool kernel_is_at_least(int major, int minor) {
  utsname system{};
  int have_major = 0;
  int have_minor = 0;
  ::uname(&system);
  std::sscanf(system.release, "%d.%d", &have_major, &have_minor);
  return have_major > major || (have_major == major && have_minor >= minor);
}

class TwoCapabilities : public EveryDelivery {};
INSTANTIATE_TEST_SUITE_P(Socket, TwoCapabilities, ::testing::Values("socket"));

// What doctor says to an ordinary user with these capabilities.
class DoctorOf : public Attest {
 protected:
  void ask(const std::vector<int>& capabilities, rlim_t locked_bytes = RLIM_INFINITY) {
    Process process(as_ordinary({"doctor", "--format", "json"}), {}, [&] {
      rlimit limit{locked_bytes, locked_bytes};
      if (locked_bytes != RLIM_INFINITY) ::setrlimit(RLIMIT_MEMLOCK, &limit);
      become_ordinary(capabilities);
    });
    said_ = Json::parse(process.next_line().value_or(""), nullptr, false);
    code_ = process.wait();
    ASSERT_TRUE(said_.is_object()) << process.errors();
  }

  [[nodiscard]] Json check(const std::string& name) const {
    for (const Json& one : said_["checks"]) {
      if (one["check"] == name) return one;
    }
    return {{"state", "not said"}, {"detail", ""}, {"remedy", ""}};
  }

  static bool has(const Json& text, const std::string& part) {
    return text.get<std::string>().find(part) != std::string::npos;
  }

  Json said_;
  int code_ = -1;
};

TEST_F(DoctorOf, BothSaysReady) {
  ask(kTwoCapabilities);
  EXPECT_EQ(code_, 0) << said_;
  EXPECT_EQ(said_["ready"], true);
  EXPECT_EQ(check("privileges")["detail"], "CAP_BPF and CAP_PERFMON");
  for (const char* needed : {"ring buffer", "attestation", "locked memory"}) {
    EXPECT_EQ(check(needed)["state"], "ok") << check(needed);
  }
}

// The exits are reported without a perf event too; only since Linux 7.0 one can be missed.
TEST_F(DoctorOf, BothTellsWhereAPerfEventIsMissed) {
  ask(kTwoCapabilities);
  const Json exits = check("exits");
  if (!kernel_is_at_least(7, 0)) {
    EXPECT_EQ(exits["state"], "ok") << exits;
    return;
  }
  EXPECT_EQ(exits["state"], "warning") << exits;
  EXPECT_TRUE(has(exits["remedy"], "CAP_SYS_ADMIN")) << exits;
  EXPECT_TRUE(has(exits["remedy"], "perf_event_paranoid")) << exits;
}

TEST_F(DoctorOf, BothTellsWhatElseRunWouldLike) {
  ask(kTwoCapabilities);
  EXPECT_EQ(check("priority")["state"], "warning");
  EXPECT_TRUE(has(check("priority")["remedy"], "LimitNICE")) << check("priority");
  EXPECT_EQ(check("signals")["state"], "warning");
  EXPECT_TRUE(has(check("signals")["detail"], "CAP_SETUID, CAP_SETGID, CAP_KILL"));
}

TEST_F(DoctorOf, EnoughToSignalAllUsersSaysSo) {
  ask(kToSignalAllUsers);
  EXPECT_EQ(code_, 0) << said_;
  EXPECT_EQ(check("signals")["state"], "ok") << check("signals");
}

TEST_F(DoctorOf, OneNamesTheOtherAndIsNotReady) {
  struct {
    int has;
    const char* lacks;
  } const sets[] = {{39, "missing: CAP_PERFMON"}, {38, "missing: CAP_BPF"}};
  for (const auto& set : sets) {
    ask({set.has});
    EXPECT_EQ(code_, 3) << said_;
    EXPECT_EQ(said_["ready"], false);
    EXPECT_EQ(check("privileges")["state"], "failed");
    EXPECT_EQ(check("privileges")["detail"], set.lacks);
    EXPECT_TRUE(has(check("privileges")["remedy"], "AmbientCapabilities=CAP_BPF CAP_PERFMON"));
    EXPECT_EQ(check("attestation")["state"], "failed");
  }
}

TEST_F(DoctorOf, NoneNamesBoth) {
  ask({});
  EXPECT_EQ(code_, 3) << said_;
  EXPECT_EQ(check("privileges")["detail"], "missing: CAP_BPF, CAP_PERFMON");
}

TEST_F(DoctorOf, CapSysAdminAloneIsEnough) {
  ask({21});
  EXPECT_EQ(code_, 0) << said_;
  EXPECT_EQ(check("privileges")["detail"], "CAP_SYS_ADMIN");
}

// Before Linux 5.11 what a program needs counts as locked memory, of which services get 64 KiB.
TEST_F(DoctorOf, LittleLockedMemoryIsNamedWhereItMatters) {
  ask(kTwoCapabilities, 64 * 1024);
  const Json locked = check("locked memory");
  if (kernel_is_at_least(5, 11)) {
    EXPECT_EQ(code_, 0) << said_;
    EXPECT_EQ(locked["state"], "ok") << locked;
    return;
  }
  EXPECT_EQ(code_, 3) << said_;
  EXPECT_EQ(locked["state"], "failed") << locked;
  EXPECT_TRUE(has(locked["detail"], "64 KiB")) << locked;
  EXPECT_TRUE(has(locked["remedy"], "LimitMEMLOCK=infinity")) << locked;
}

TEST_P(TwoCapabilities, AreGoneOnceItIsReady) {
  ObserverProcess observer = observe();
  std::ifstream status("/proc/" + std::to_string(observer.process().pid()) + "/status");
  std::string all;
  for (std::string line; std::getline(status, line);) all += line + "\n";
  for (const char* none : {"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
                           "CapAmb:\t0000000000000000", "NoNewPrivs:\t1"}) {
    EXPECT_NE(all.find(none), std::string::npos) << none << " in\n" << all;
  }
  EXPECT_NE(all.find("Uid:\t65531\t65531\t65531\t65531"), std::string::npos) << all;
  stop(observer);
}

// Recovery, of agents of its own user, needs no capability.
class RecoversAs : public TwoCapabilities {
 protected:
  // An agent of this user is heard, and then hangs; what its stall comes to.
  std::string end_of_agent(ObserverProcess& observer, uid_t uid) {
    const PacedAgent agent(socket_, uid);
    agent.prove_to(observer);
    EXPECT_EQ(observer.expect("stall")["cause"], "silence");
    if (uid_is_spared_) return ::kill(agent.pid(), 0) == 0 ? "alive" : "gone";
    return observer.expect("stall").value("exit_signal", 0) == SIGKILL ? "killed" : "ended";
  }

  const Argv kill_ = {
      "--recovery-signal",           "KILL", "--threshold-ms", "1500", "--socket-mode", "0666",
      "--recovery-startup-grace-ms", "0"};
  bool uid_is_spared_ = false;
};
INSTANTIATE_TEST_SUITE_P(Socket, RecoversAs, ::testing::Values("socket"));

TEST_P(RecoversAs, ItsOwnUser) {
  ObserverProcess observer = observe(kill_);
  EXPECT_EQ(end_of_agent(observer, kOrdinaryUid), "killed");
  EXPECT_EQ(observer.stop()["recovery_total"].value("signalled", 0), 1);
}

TEST_P(RecoversAs, NobodyElse) {
  uid_is_spared_ = true;
  ObserverProcess observer = observe(kill_);
  EXPECT_EQ(end_of_agent(observer, kAgentUid), "alive");
  EXPECT_EQ(observer.stop()["recovery_total"].value("signalled", 0), 0);
}

TEST_P(RecoversAs, AllUsersWithThreeCapabilitiesMore) {
  ObserverProcess observer(socket_, kill_, kToSignalAllUsers);
  EXPECT_EQ(end_of_agent(observer, kAgentUid), "killed");
  EXPECT_EQ(observer.stop()["recovery_total"].value("signalled", 0), 1);
}

}  // namespace
}  // namespace hb::test
