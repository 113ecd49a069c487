// Recovery by a policy file, with the real binary and agents that the kernel attests.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/recovery/run_recovery_fixture.hpp"

namespace hb::test {
namespace {

class RunPolicy : public RunRecovery {
 protected:
  void write(const std::string& text) const { std::ofstream(policies_) << text; }

  // A service of everybody who is this test's user, with these steps.
  static std::string service(const std::string& name, const std::string& steps) {
    return "[[service]]\nname = \"" + name + "\"\nmatch = { user = " + std::to_string(::getuid()) +
           " }\nsteps = [ " + steps + " ]\n";
  }
  std::string note_of(const std::string& what) const {
    return "{ exec = \"sh -c 'echo " + what + " >> " + notes_ + "'\" }";
  }

  ObserverProcess observe_with_policies(const std::string& threshold_ms = "1500") {
    return observe_with({"--policy-file", policies_}, threshold_ms);
  }

  // An agent whose program is called so.
  Process agent_called(const std::string& name) {
    Argv command = hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"});
    const std::string path = directory_.path(name);
    std::filesystem::create_symlink(command.front(), path);
    command.front() = path;
    return Process(command);
  }

  // By the observer's own threshold nobody is silent.
  ObserverProcess observe_for_long() {
    return observe_with({"--policy-file", policies_, "--recovery-startup-grace-ms", "1"}, "600000");
  }

  const std::string policies_ = directory_.path("policies.toml");
};

// A process that is stopped takes no other signal than SIGKILL.
TEST_F(RunPolicy, TakesOneStepAfterAnother) {
  write(service("all",
                "{ signal = \"TERM\", wait-ms = 100 }, { signal = \"KILL\", wait-ms = 100 }, " +
                    note_of("{pid} $HB_ATTEMPT")));
  ObserverProcess observer = observe_with_policies();
  Process victim = agent();
  let_it_beat(observer, victim);
  const std::string pid = std::to_string(victim.pid());
  victim.signal(SIGSTOP);
  EXPECT_EQ(next(observer, "stall")["cause"], "silence");
  EXPECT_EQ(victim.wait(), 128 + SIGKILL);
  ASSERT_TRUE(noted());
  EXPECT_EQ(notes(), pid + " 1\n");
  EXPECT_EQ(next(observer, "stall")["cause"], "exited");
  const Json counters = end(observer);
  EXPECT_EQ(count(counters, "recovery_total", "signalled"), 2U);
  EXPECT_EQ(count(counters, "recovery_total", "spawned"), 1U);
}

// A program has the name of its file, whoever starts it.
TEST_F(RunPolicy, TellsAgentsOfOneUserApartByTheirNames) {
  write("[[service]]\nname = \"workers\"\nmatch = { comm = \"work*\", user = " +
        std::to_string(::getuid()) + " }\nsteps = [ " + note_of("{pid} {comm} $HB_COMM $HB_CAUSE") +
        " ]\n");
  ObserverProcess observer = observe_for_long();
  Process worker = agent_called("worker");
  Process other = agent_called("other");
  let_it_beat(observer, worker);
  let_it_beat(observer, other);
  const std::string pid = std::to_string(worker.pid());
  other.signal(SIGKILL);
  EXPECT_EQ(next(observer, "stall")["pid"], other.pid());
  worker.signal(SIGKILL);
  EXPECT_EQ(next(observer, "stall")["pid"], worker.pid());
  ASSERT_TRUE(noted());
  EXPECT_EQ(notes(), pid + " worker worker exited\n");
  observer.expect_logged("agent " + pid + " worker (exited)");
  EXPECT_EQ(count(end(observer), "recovery_total", "spawned"), 1U);
}

// By the kernel's table, as a silent process has no record of its end.
TEST_F(RunPolicy, KnowsTheNameOfASilentAgent) {
  write("[[service]]\nname = \"workers\"\nmatch = { comm = \"worker\" }\nthreshold-ms = 1500\n" +
        ("steps = [ " + note_of("{comm} $HB_CAUSE")) + " ]\n");
  ObserverProcess observer = observe_for_long();
  Process worker = agent_called("worker");
  let_it_beat(observer, worker);
  worker.signal(SIGSTOP);
  EXPECT_EQ(next(observer, "stall")["cause"], "silence");
  ASSERT_TRUE(noted());
  EXPECT_EQ(notes(), "worker silence\n");
}

// No process of this host is in such a unit.
TEST_F(RunPolicy, DoesNothingAboutAnAgentThatNoServiceMatches) {
  write(
      "[[service]]\nname = \"a\"\nmatch = { unit = \"no-such-*.service\" }\n"
      "steps = [ { signal = \"KILL\" } ]\n");
  ObserverProcess observer = observe_with_policies();
  Process stuck = agent();
  let_it_beat(observer, stuck);
  stuck.signal(SIGSTOP);
  next(observer, "stall");
  const Json counters = end(observer);
  for (const auto& [outcome, number] : counters["recovery_total"].items()) {
    EXPECT_EQ(number, 0U) << outcome;
  }
  EXPECT_EQ(::kill(stuck.pid(), 0), 0);
}

TEST_F(RunPolicy, IsReadAnewOnSighup) {
  write(service("before", note_of("before")));
  ObserverProcess observer = observe_with_policies();
  write(service("after", note_of("after")));
  observer.process().signal(SIGHUP);
  observer.expect_logged("new: after; gone: before");
  Process victim = agent();
  let_it_beat(observer, victim);
  victim.signal(SIGSTOP);
  next(observer, "stall");
  ASSERT_TRUE(noted());
  EXPECT_EQ(notes(), "after\n");
}

// All or nothing: the first service of the bad file is a good one.
TEST_F(RunPolicy, StaysAsItIsIfTheFileHasAMistake) {
  write(service("before", note_of("before")));
  ObserverProcess observer = observe_with_policies();
  write(service("after", note_of("after")) + "[[service]]\nnam = \"b\"\n");
  observer.process().signal(SIGHUP);
  observer.expect_logged(policies_ + ":6:1: unknown key 'nam'");
  Process victim = agent();
  let_it_beat(observer, victim);
  victim.signal(SIGSTOP);
  next(observer, "stall");
  ASSERT_TRUE(noted());
  EXPECT_EQ(notes(), "before\n");
}

// With the observer's threshold it would be silent for ten minutes before anybody noticed.
TEST_F(RunPolicy, HasAThresholdOfItsOwn) {
  write("[defaults]\nthreshold-ms = 1500\n" + service("all", note_of("noticed")));
  ObserverProcess observer = observe_for_long();
  Process victim = agent();
  let_it_beat(observer, victim);
  victim.signal(SIGSTOP);
  EXPECT_EQ(next(observer, "stall")["cause"], "silence");
  ASSERT_TRUE(noted());
}

TEST_F(RunPolicy, ChangesTheThresholdOfAgentsThatBeatAlready) {
  write("[defaults]\nthreshold-ms = 600000\n" + service("all", note_of("noticed")));
  ObserverProcess observer = observe_with_policies("1500");
  Process victim = agent();
  let_it_beat(observer, victim);
  write("[defaults]\nthreshold-ms = 2000\n" + service("all", note_of("noticed")));
  observer.process().signal(SIGHUP);
  observer.expect_logged("changed: all");
  victim.signal(SIGSTOP);
  EXPECT_EQ(next(observer, "stall")["cause"], "silence");
  ASSERT_TRUE(noted());
}

// Frames are read seldom enough for them to be late for it.
TEST_F(RunPolicy, RefusesAThresholdThatIsShorterThanAllOfTheStart) {
  write("[defaults]\nthreshold-ms = 1500\n" + service("all", note_of("noticed")));
  ObserverProcess observer = observe_with_policies("1500");
  write("[defaults]\nthreshold-ms = 1000\n" + service("all", note_of("noticed")));
  observer.process().signal(SIGHUP);
  observer.expect_logged("threshold-ms = 1000 is shorter than all of the start (1500)");
}

// A sanitized agent takes seconds to die of SIGSEGV on a busy machine, and was called silent.
TEST_F(RunPolicy, NamesTheServiceToItsCommands) {
  write(service("all", note_of("$HB_CAUSE {service} {uid}")));
  ObserverProcess observer = observe_for_long();
  Process victim = agent();
  let_it_beat(observer, victim);
  victim.signal(SIGKILL);
  EXPECT_EQ(next(observer, "stall")["cause"], "exited");
  ASSERT_TRUE(noted());
  EXPECT_TRUE(notes().starts_with("exited ")) << notes();
  EXPECT_TRUE(notes().ends_with(" " + std::to_string(::getuid()) + "\n")) << notes();
}

}  // namespace
}  // namespace hb::test
