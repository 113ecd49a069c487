// Recovery by the real binary: agents that the kernel attests fall silent or die.
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "tests/recovery/run_recovery_fixture.hpp"
#include "tests/support/proc_status.hpp"

namespace hb::test {
namespace {

// --- Signals ---

TEST_F(RunRecovery, SignalsAnAgentThatIsStuck) {
  ObserverProcess observer = observe_with({"--recovery-signal", "KILL"});
  Process victim = agent();
  let_it_beat(observer, victim);
  victim.signal(SIGSTOP);
  EXPECT_EQ(next(observer, "stall")["cause"], "silence");
  EXPECT_EQ(victim.wait(), 128 + SIGKILL);
  EXPECT_EQ(next(observer, "stall")["cause"], "exited");
  const Json counters = end(observer);
  EXPECT_EQ(count(counters, "recovery_total", "signalled"), 1U);
}

TEST_F(RunRecovery, DoesNotSignalAnAgentThatIsWell) {
  ObserverProcess observer = observe_with({"--recovery-signal", "KILL"});
  Process well = agent();
  Process stuck = agent();
  let_it_beat(observer, well);
  let_it_beat(observer, stuck);
  stuck.signal(SIGSTOP);
  EXPECT_EQ(next(observer, "stall")["pid"], stuck.pid());
  EXPECT_EQ(stuck.wait(), 128 + SIGKILL);
  EXPECT_EQ(well.wait(milliseconds(300)), -1) << "it beats until the test ends it";
}

// One stamp says who the agent was, not whom a pidfd refers to that was opened later.
TEST_F(RunRecovery, DoesNotSignalAnAgentThatIsNotProven) {
  ObserverProcess observer = observe_with({"--recovery-signal", "KILL"}, kShort);
  Child once = Child::run([&] {
    send_claim(socket_, own_pid());
    ::pause();
  });
  next(observer, "stall");
  const Json counters = end(observer);
  EXPECT_EQ(count(counters, "recovery_refused_total", "generation_unproven"), 1U);
  EXPECT_EQ(::kill(once.pid(), 0), 0);
}

// --- Commands ---

TEST_F(RunRecovery, RunsACommandForAnAgentThatIsStuck) {
  ObserverProcess observer = observe_with(note());
  Process victim = agent();
  let_it_beat(observer, victim);
  victim.signal(SIGSTOP);
  next(observer, "stall");
  ASSERT_TRUE(noted());
  const std::string pid = std::to_string(victim.pid());
  EXPECT_EQ(notes(), pid + " " + pid + " silence\n");
  const Json counters = end(observer);
  EXPECT_EQ(count(counters, "recovery_total", "spawned"), 1U);
  EXPECT_EQ(count(counters, "recovery_total", "completed_zero"), 1U);
}

TEST_F(RunRecovery, RunsACommandForAnAgentThatDied) {
  ObserverProcess observer = observe_with(note() + Argv{"--recovery-startup-grace-ms", "0"});
  Process victim = agent();
  let_it_beat(observer, victim);
  victim.signal(SIGKILL);
  EXPECT_EQ(next(observer, "stall")["cause"], "exited");
  ASSERT_TRUE(noted());
  EXPECT_TRUE(notes().ends_with(" exited\n")) << notes();
  end(observer);
}

TEST_F(RunRecovery, DoesNotActWhenItHasJustStarted) {
  ObserverProcess observer = observe_with(note() + Argv{"--recovery-startup-grace-ms", "60000"});
  Process victim = agent();
  let_it_beat(observer, victim);
  victim.signal(SIGKILL);
  EXPECT_EQ(next(observer, "stall")["cause"], "exited");
  EXPECT_EQ(count(end(observer), "recovery_refused_total", "startup_grace"), 1U);
  EXPECT_EQ(notes(), "");
}

// A root observer has dropped its capabilities; what it runs must have them, to restart anything.
TEST_F(RunRecovery, LeavesACommandWhatRootCanDo) {
  ObserverProcess observer =
      observe_with(note("$(grep -E '\"'(CapEff|NoNewPrivs)'\"' /proc/self/status)"), kShort);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  ASSERT_TRUE(noted());
  std::string own;
  for (const auto* name : {"CapEff", "NoNewPrivs"}) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(name)) own += (own.empty() ? "" : " ") + line;
    }
  }
  std::replace(own.begin(), own.end(), '\t', ' ');
  EXPECT_EQ(notes(), own + "\n");
  const std::string status =
      content("/proc/" + std::to_string(observer.process().pid()) + "/status");
  EXPECT_NE(status.find("CapEff:\t0000000000000000"), std::string::npos) << "the observer has none";
  end(observer);
}

// With a signal no program is ever run, so none may gain anything; and another process sends it.
TEST_F(RunRecovery, RenouncesEverythingWhereNothingIsRun) {
  ObserverProcess observer = observe_with({"--recovery-signal", "TERM"});
  const std::string status =
      content("/proc/" + std::to_string(observer.process().pid()) + "/status");
  EXPECT_NE(status.find("CapPrm:\t0000000000000000"), std::string::npos) << status;
  EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos) << status;
  end(observer);
}

// The observer is protected as a watchdog is; what its commands start must not be.
TEST_F(RunRecovery, GivesACommandNormalPriority) {
  const auto protect = [] {
    std::ofstream("/proc/self/oom_score_adj") << 300;
    const sched_param parameters{10};
    become(::sched_setscheduler(0, SCHED_RR, &parameters));
  };
  const Argv told = note("$(cut -d\\  -f19,41 /proc/self/stat; cat /proc/self/oom_score_adj)");
  for (const auto& [flags, score] :
       {std::pair{Argv{}, "300"}, {Argv{"--recovery-oom-score-adj", "400"}, "400"}}) {
    Process observer(
        hb_ebpf(Argv{"run", "--socket", socket_, "--threshold-ms", kShort} + told + flags), {},
        protect);
    ASSERT_TRUE(observer.next_line());
    ASSERT_TRUE(send_claim(socket_, own_pid()));
    ASSERT_TRUE(noted()) << observer.errors();
    EXPECT_EQ(notes(), std::string("0 0 ") + score + "\n");
    EXPECT_EQ(content("/proc/" + std::to_string(observer.pid()) + "/oom_score_adj"), "300\n");
    std::filesystem::remove(notes_);
    observer.signal(SIGTERM);
    EXPECT_EQ(observer.wait(), 0);
  }
}

// An init script starts its daemon in the background.
TEST_F(RunRecovery, LetsADaemonThatACommandStartedWriteOn) {
  const std::string go = directory_.path("go");
  const std::string script = "(until test -e " + go +
                             "; do sleep 0.01; done; echo one && echo two && echo wrote >> " +
                             notes_ + ") & echo started";
  ObserverProcess observer = observe_with({"--recovery-exec", "sh -c '" + script + "'"}, kShort);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  observer.expect_logged("completed_zero");
  observer.expect_logged("output: started");
  std::ofstream(go).close();
  EXPECT_TRUE(noted()) << "it got no SIGPIPE";
  end(observer);
  EXPECT_EQ(observer.process().errors().find("output: one"), std::string::npos);
}

TEST_F(RunRecovery, LogsWhatACommandSaysWithoutObeyingIt) {
  ObserverProcess observer =
      observe_with({"--recovery-exec", R"(printf 'a\033[2Jb\nhb-ebpf: c\n')"}, kShort);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  end(observer);  // waits for the command
  const std::string said = observer.process().errors();
  EXPECT_NE(said.find("output: a?[2Jb\n"), std::string::npos) << said;
  EXPECT_NE(said.find("output: hb-ebpf: c\n"), std::string::npos) << said;
  EXPECT_EQ(said.find('\033'), std::string::npos);
}

// --- As PID 1 of a container ---

struct ProcStat {
  std::string name;
  char state = '?';
  pid_t parent = 0;
};

// /proc/<pid>/stat; the process may end meanwhile.
std::optional<ProcStat> stat_of(const std::filesystem::path& process) {
  std::string all;
  std::getline(std::ifstream(process / "stat"), all);
  const auto begin = all.find('(');
  const auto end = all.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  ProcStat stat;
  stat.name = all.substr(begin + 1, end - begin - 1);
  std::istringstream(all.substr(end + 2)) >> stat.state >> stat.parent;
  return stat;
}

template <typename Work>
void for_each_child(pid_t parent, Work work) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) {
      continue;
    }
    const auto stat = stat_of(entry.path());
    if (stat && stat->parent == parent) work(std::stoi(entry.path().filename()), *stat);
  }
}

class RunRecoveryAsPid1 : public RunRecovery {
 protected:
  Process observe_as_pid_1(const Argv& more) {
    return Process(Argv{"/usr/bin/unshare", "--pid", "--fork", "--mount-proc", "--kill-child"} +
                   hb_ebpf(Argv{"run", "--socket", socket_, "--events", "json"} + more));
  }

  static pid_t only_child(pid_t parent) {
    pid_t child = 0;
    eventually([&] {
      for_each_child(parent, [&](pid_t pid, const ProcStat& /*stat*/) { child = pid; });
      return child > 0;
    });
    return child;
  }

  static int children_named(pid_t parent, const std::string& name) {
    int count = 0;
    for_each_child(parent, [&](pid_t, const ProcStat& stat) { count += stat.name == name; });
    return count;
  }

  // In its PID namespace and with its /proc, which LeakSanitizer needs: beats once and ends.
  void agent_ends_beside(pid_t observer) {
    Process agent(
        Argv{"/usr/bin/nsenter", "--target", std::to_string(observer), "--pid", "--mount"} +
        hb_ebpf({"beat", "--socket", socket_, "--count", "1"}));
    ASSERT_EQ(agent.wait(), 0) << agent.errors();
  }

  bool has_notes(std::ptrdiff_t lines) const {
    return eventually([&] {
      const std::string all = notes();
      return std::count(all.begin(), all.end(), '\n') == lines;
    });
  }
};

// Each command leaves an orphan, which nobody but PID 1 can reap. How the commands themselves end
// is still told. One attempt each: a slow machine would see the second one of the first agent.
TEST_F(RunRecoveryAsPid1, ReapsOrphansAndNoCommand) {
  constexpr int kAgents = 5;
  const std::string script = directory_.path("script");
  std::ofstream(script) << "#!/bin/sh\n(sleep 0.05; echo >>" + notes_ + ") &\nexit 3\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  Process unshare = observe_as_pid_1(
      {"--recovery-exec", script, "--recovery-on", "clean,last-word", "--recovery-startup-grace-ms",
       "0", "--recovery-settle-ms", "0", "--recovery-debounce-ms", "0", "--recovery-budget",
       "100/1", "--recovery-budget-per-uid", "100/1", "--recovery-attempts", "1"});
  ASSERT_TRUE(unshare.next_line()) << "it is ready";
  const pid_t observer = only_child(unshare.pid());
  ASSERT_GT(observer, 0);
  for (int i = 1; i <= kAgents; ++i) {
    agent_ends_beside(observer);
    ASSERT_TRUE(has_notes(i)) << notes();
  }
  EXPECT_TRUE(eventually([&] { return children_named(observer, "script") == 0; }))
      << "a zombie was left";
  ::kill(observer, SIGTERM);
  EXPECT_EQ(unshare.wait(), 0);
  const std::string events = unshare.rest_of_output();
  const Json stopped = Json::parse(events.substr(events.rfind("{\"event\":\"stopped\"")));
  EXPECT_EQ(count(stopped["counters"], "recovery_total", "completed_nonzero"), kAgents) << stopped;
}

// --- Limits ---

TEST_F(RunRecovery, DoesNothingInADryRun) {
  ObserverProcess observer = observe_with(note() + Argv{"--recovery-dry-run"}, kShort);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  const Json counters = end(observer);
  EXPECT_EQ(count(counters, "recovery_total", "dry_run"), 1U);
  EXPECT_EQ(count(counters, "recovery_total", "spawned"), 0U);
  EXPECT_EQ(notes(), "");
}

// The second attempt is due after a second, and refused until the pause is over.
TEST_F(RunRecovery, PausesAfterAnActUponTheSameProcess) {
  ObserverProcess observer = observe_with(
      note() + Argv{"--recovery-debounce-ms", "60000", "--recovery-verify-ms", "1"}, kShort);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect_logged("debounced");
  const Json counters = end_after_stall(observer);
  EXPECT_EQ(count(counters, "recovery_total", "spawned"), 1U);
  EXPECT_EQ(count(counters, "recovery_refused_total", "debounced"), 1U);
}

TEST_F(RunRecovery, ActsAgainAfterThePause) {
  ObserverProcess observer = observe_with(note() + Argv{"--recovery-debounce-ms", "1"}, kShort);
  for (std::uint64_t nonce = 1; nonce <= 2; ++nonce) {
    ASSERT_TRUE(send_claim(socket_, own_pid(), nonce));
    next(observer, "stall");
    const auto lines = static_cast<std::ptrdiff_t>(nonce);
    ASSERT_TRUE(eventually([&] {
      const std::string all = notes();
      return std::count(all.begin(), all.end(), '\n') == lines;
    }));
  }
  EXPECT_EQ(count(end(observer), "recovery_total", "spawned"), 2U);
}

TEST_F(RunRecovery, KeepsToItsBudget) {
  ObserverProcess observer = observe_with(note() + Argv{"--recovery-budget", "3/3600"});
  std::vector<std::unique_ptr<Process>> agents;
  for (int i = 0; i < 5; ++i) {
    agents.push_back(
        std::make_unique<Process>(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"})));
  }
  for (const auto& one : agents) let_it_beat(observer, *one);
  for (const auto& one : agents) one->signal(SIGSTOP);
  for (int i = 0; i < 5; ++i) next(observer, "stall");
  const Json counters = end(observer);
  EXPECT_EQ(count(counters, "recovery_total", "spawned"), 2U);
  EXPECT_EQ(count(counters, "recovery_refused_total", "uid_budget_exhausted"), 3U);
  const std::string said = observer.process().errors();
  const auto first = said.find("budget of uid 0 is exhausted");
  EXPECT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("is exhausted", first + 40), std::string::npos) << "said once: " << said;
}

TEST_F(RunRecovery, NeverActsOnWhatNobodyAttests) {
  for (const Argv& means : {note(), Argv{"--recovery-signal", "KILL"}}) {
    ObserverProcess observer = observe_with(means + Argv{"--attest", "procfs"});
    Process victim = agent();
    let_it_beat(observer, victim);
    victim.signal(SIGSTOP);
    next(observer, "stall");
    EXPECT_EQ(count(end(observer), "recovery_refused_total", "origin_unattested"), 1U);
    victim.signal(SIGCONT);
    EXPECT_EQ(victim.wait(milliseconds(100)), -1) << "it lives";
  }
  EXPECT_EQ(notes(), "");
}

// --- The end ---

TEST_F(RunRecovery, WaitsForACommandWhenItEnds) {
  ObserverProcess observer =
      observe_with({"--recovery-exec", "sh -c 'sleep 1; echo done > " + notes_ + "'"}, kShort);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  const Json counters = end(observer);
  EXPECT_EQ(notes(), "done\n");
  EXPECT_EQ(count(counters, "recovery_total", "completed_zero"), 1U);
}

TEST_F(RunRecovery, WaitsOnlySoLong) {
  ObserverProcess observer =
      observe_with({"--recovery-exec", "sh -c 'trap \"\" TERM; echo $$ > " + notes_ + "; sleep 60'",
                    "--shutdown-grace-ms", "100"},
                   kShort);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  ASSERT_TRUE(noted());
  const pid_t command = std::stoi(notes());
  const Json counters = end(observer);
  EXPECT_EQ(count(counters, "recovery_total", "killed_shutdown"), 1U);
  EXPECT_NE(::kill(command, 0), 0);
}

// It is another process that runs commands. Without it the observer goes on, and says so.
TEST_F(RunRecovery, TellsWhatRunsAndWhatIsAskedForOnceTheCommandProcessHasEnded) {
  ObserverProcess observer = observe_with(
      {"--recovery-exec", "sh -c 'echo $$ >> " + notes_ + "; exec sleep 600'"}, kShort);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  ASSERT_TRUE(noted());
  ::kill(child_named(observer.process().pid(), "hb-ebpf-command"), SIGKILL);
  observer.expect_logged("command_lost: it may still run");
  ::kill(std::stoi(notes()), SIGKILL);
  const Child other = Child::run([&] {
    if (!send_claim(socket_, own_pid())) ::_exit(1);
    ::pause();
  });
  next(observer, "stall");
  observer.expect_logged("spawn_failed: the command process has ended");
  const Json counters = end(observer);
  EXPECT_EQ(count(counters, "recovery_total", "spawned"), 1U);
  EXPECT_EQ(count(counters, "recovery_total", "command_lost"), 1U);
  EXPECT_GE(count(counters, "recovery_total", "spawn_failed"), 1U);
}

// Nobody else would end a command that hangs.
TEST_F(RunRecovery, KeepsTheDeadlineOfACommandThoughTheObserverIsKilled) {
  ObserverProcess observer =
      observe_with({"--recovery-exec", "sh -c 'echo $$ >> " + notes_ + "; exec sleep 600'",
                    "--recovery-timeout-ms", "500"},
                   kShort);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  next(observer, "stall");
  ASSERT_TRUE(noted());
  const pid_t process = child_named(observer.process().pid(), "hb-ebpf-command");
  observer.process().signal(SIGKILL);
  observer.process().wait();
  const pid_t command = std::stoi(notes());
  EXPECT_TRUE(eventually([&] { return is_dead(command) && is_dead(process); }));
}

TEST_F(RunRecovery, ShowsEverySeriesWhereNothingIsRecovered) {
  ObserverProcess observer = observe();
  const Json counters = end(observer);
  EXPECT_EQ(counters["recovery_total"].size(), 13U) << counters;
  EXPECT_EQ(counters["recovery_refused_total"].size(), 24U) << counters;
  EXPECT_EQ(counters["recovery_unaudited_total"], 0);
}

}  // namespace
}  // namespace hb::test
