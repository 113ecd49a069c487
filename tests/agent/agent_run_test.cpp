// libhb-agent and the observer.
#include <sched.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "agent/hb_agent.hpp"
#include "tests/support/agent.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/observer_process.hpp"

namespace hb::test {
namespace {

class AgentRun : public testing::Test {
 protected:
  void SetUp() override { HB_NEEDS_ROOT(); }

  TemporaryDirectory directory_;
  const std::string socket_ = directory_.path("hb.sock");
};

TEST_F(AgentRun, IsAttestedAndSoIsItsChild) {
  ObserverProcess observer(socket_, {"--threshold-ms", "600000"});
  Agent agent(socket_);
  ASSERT_FALSE(agent.beat());
  const Json first = observer.expect("beat");
  EXPECT_EQ(first["pid"], own_pid());
  EXPECT_EQ(first["origin"], "kernel_attested");
  Child child = Child::run([&] {
    agent.beat();
    ::_exit(9);
  });
  const auto pid = child.pid();
  child.wait();
  const Json second = observer.expect("beat");
  EXPECT_EQ(second["pid"], pid);
  EXPECT_EQ(second["nonce"], 1);
  const Json end = observer.expect("stall");
  EXPECT_EQ(end["pid"], pid);
  EXPECT_EQ(end["exit_code"], 9);
  ASSERT_FALSE(agent.beat());
  EXPECT_EQ(observer.expect("beat")["nonce"], 2);
  observer.stop();
}

TEST_F(AgentRun, ItsCrashIsToldWithItsLastWord) {
  ObserverProcess observer(socket_, {"--threshold-ms", "600000"});
  Child child = Child::run([&] {
    ::signal(SIGABRT, SIG_DFL);
    Agent agent(socket_);
    if (agent.last_word_at_crash()) ::_exit(1);
    agent.beat();
    ::abort();
  });
  child.wait();
  EXPECT_EQ(observer.expect("beat")["nonce"], 1);
  EXPECT_EQ(observer.expect("beat")["status"], "critical");
  const Json end = observer.expect("stall");
  EXPECT_EQ(end["exit_signal"], SIGABRT);
  EXPECT_EQ(end["last_word"], true);
  observer.stop();
}

// An agent that is the first process of its container.
class InitAgent : public AgentRun {
 protected:
  // Its pid here.
  pid_t beat_as_init() {
    Child parent = Child::run([&] {
      become(::unshare(CLONE_NEWPID));
      Child init = Child::run([&] {
        Agent agent(socket_);
        ::_exit(::getpid() == 1 && !agent.beat() ? 9 : 1);
      });
      std::ofstream(directory_.path("pid")) << init.pid();
      ::_exit(WEXITSTATUS(init.wait()));
    });
    EXPECT_EQ(WEXITSTATUS(parent.wait()), 9);
    pid_t pid = 0;
    std::ifstream(directory_.path("pid")) >> pid;
    return pid;
  }
};

TEST_F(InitAgent, IsAnAgentWherePolicyAllowsIt) {
  ObserverProcess observer(socket_, {"--threshold-ms", "600000", "--allow-cross-namespace-agents"});
  const pid_t pid = beat_as_init();
  const Json beat = observer.expect("beat");
  EXPECT_EQ(beat["pid"], pid);
  EXPECT_EQ(beat["claimed_pid"], 1);
  EXPECT_EQ(beat["origin"], "kernel_attested");
  const Json end = observer.expect("stall");
  EXPECT_EQ(end["pid"], pid);
  EXPECT_EQ(end["exit_code"], 9);
  // Whoever else claims it is told by name.
  ASSERT_TRUE(send_claim(socket_, 1));
  const Json refused = observer.expect("decode");
  EXPECT_EQ(refused["error"], "BadPid");
  EXPECT_EQ(refused["attested_pid"], own_pid());
  observer.stop();
}

TEST_F(InitAgent, IsToldByNameOtherwise) {
  ObserverProcess observer(socket_, {"--threshold-ms", "600000"});
  const pid_t pid = beat_as_init();
  const Json refused = observer.expect("decode");
  EXPECT_EQ(refused["error"], "BadPid");
  EXPECT_EQ(refused["attested_pid"], pid);
  observer.stop();
}

}  // namespace
}  // namespace hb::test
