// Recovery by the real binary, for agents of several users: with whose authority a process is
// signalled, and that no user's processes keep others' from being recovered. Root.
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "tests/recovery/descriptor_limits.hpp"
#include "tests/recovery/paced_agent.hpp"
#include "tests/support/attest_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace hb::test {
namespace {

std::uint64_t count(const Json& counters, const char* metric, const std::string& label) {
  return counters[metric].value(label, std::uint64_t{0});
}

std::string status_line(pid_t pid, const std::string& key) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
  }
  return {};
}

bool is_alive(pid_t pid) {
  const std::string state = status_line(pid, "State");
  return !state.empty() && state.front() != 'Z';
}

class Users : public EveryDelivery {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    EveryDelivery::SetUp();
    std::filesystem::permissions(directory_.path("."), std::filesystem::perms(0755));
  }

  ObserverProcess observe_with(Argv more) {
    more.insert(more.end(), {"--socket-mode", "0666", "--beats", "all", "--threshold-ms", "1500",
                             "--recovery-startup-grace-ms", "0"});
    return observe(more);
  }
  ObserverProcess signal_with(const std::string& signal, Argv more = {}) {
    more.insert(more.end(), {"--recovery-signal", signal});
    return observe_with(more);
  }

  // The next stall of this process; those of others are left aside.
  static std::string cause_of_stall(ObserverProcess& observer, pid_t pid) {
    for (;;) {
      const Json event = observer.next_event();
      if (!event.is_object() || event.empty()) return "none";
      if (event.value("event", "") == "stall" && event.value("pid", 0) == pid) {
        return event.value("cause", "");
      }
    }
  }

  // It changes after one more beat and before that is heard, however slow the machine is.
  template <typename Changed>
  void change(ObserverProcess& observer, const PacedAgent& agent, Changed has_changed) {
    agent.prove_to(observer);
    while_asleep(observer, [&] {
      agent.beat();
      agent.change();
      EXPECT_TRUE(eventually(has_changed));
    });
  }

  // It falls silent, and what the observer does about it kills it.
  static void expect_killed(ObserverProcess& observer, pid_t pid) {
    EXPECT_EQ(cause_of_stall(observer, pid), "silence");
    EXPECT_EQ(cause_of_stall(observer, pid), "exited");
  }
  // It falls silent, and what the observer does about it comes to a refusal.
  Json expect_refused(ObserverProcess& observer, pid_t pid) {
    EXPECT_EQ(cause_of_stall(observer, pid), "silence");
    const Json counters = observer.stop();
    EXPECT_TRUE(is_alive(pid));
    EXPECT_EQ(count(counters, "recovery_total", "signalled"), 0U) << counters;
    return counters;
  }
};

INSTANTIATE_TEST_SUITE_P(Socket, Users, ::testing::Values("socket"));
INSTANTIATE_TEST_SUITE_P(Ring, Users, ::testing::Values("ring"));

// --- With whose authority ---

TEST_P(Users, AgentOfAnotherUserIsSignalled) {
  ObserverProcess observer = signal_with("KILL");
  const PacedAgent agent(socket_, kAgentUid);
  agent.prove_to(observer);
  expect_killed(observer, agent.pid());
  EXPECT_EQ(count(observer.stop(), "recovery_total", "signalled"), 1U);
}

// Pid and start time of an agent stay the same over an exec, also of a setuid program: the
// observer's KILL hit a process of root that the agent's user could not have signalled.
TEST_P(Users, AgentThatExecutedASetuidProgramIsSpared) {
  struct statvfs mounted {};
  ASSERT_EQ(::statvfs(directory_.path(".").c_str(), &mounted), 0);
  HB_NEEDS((mounted.f_flag & ST_NOSUID) == 0, "setuid programs to work in /tmp");
  const std::string program = directory_.path("setpriv");
  std::filesystem::copy_file("/usr/bin/setpriv", program);
  ASSERT_EQ(::chmod(program.c_str(), 04755), 0);
  ObserverProcess observer = signal_with("KILL", {"--recovery-audit-file", directory_.path("log")});
  const PacedAgent agent(socket_, kAgentUid, [&] {
    ::execl(program.c_str(), "setpriv", "--reuid=0", "sleep", "3600", nullptr);
    ::_exit(71);
  });
  change(observer, agent, [&] { return status_line(agent.pid(), "Uid") == "0\t0\t0\t0"; });
  const Json counters = expect_refused(observer, agent.pid());
  EXPECT_EQ(count(counters, "recovery_refused_total", "credentials_changed"), 1U) << counters;
  const std::string said = observer.process().errors();
  EXPECT_NE(said.find("credentials_changed"), std::string::npos) << said;
  EXPECT_NE(said.find("uid 65533"), std::string::npos) << said;
  std::ifstream log(directory_.path("log"));
  const std::string kept{std::istreambuf_iterator<char>(log), {}};
  EXPECT_NE(kept.find(R"("kind":"refused","reason":"credentials_changed")"), std::string::npos)
      << kept;
}

// The stamp of the last beat is what counts: a daemon that beats as root and then drops is root's.
TEST_P(Users, AgentOfRootThatDroppedToAUserIsSignalled) {
  ObserverProcess observer = signal_with("KILL");
  const PacedAgent agent(socket_, 0, [] { become(::setresuid(kAgentUid, kAgentUid, kAgentUid)); });
  change(observer, agent, [&] { return status_line(agent.pid(), "Uid").starts_with("65533"); });
  expect_killed(observer, agent.pid());
  EXPECT_EQ(count(observer.stop(), "recovery_total", "signalled"), 1U);
}

TEST_P(Users, AgentsOfAllUsersAreSignalledByAnObserverThatIsNotRoot) {
  ObserverProcess observer = signal_with("KILL", {"--user", "nobody"});
  const PacedAgent agent(socket_, kAgentUid);
  agent.prove_to(observer);
  expect_killed(observer, agent.pid());
  const PacedAgent roots(socket_, 0);
  roots.prove_to(observer);
  expect_killed(observer, roots.pid());
  EXPECT_EQ(count(observer.stop(), "recovery_total", "signalled"), 2U);
}

TEST_P(Users, CommandIsToldBothUidsAndRefusedWhereTheyMustBeEqual) {
  const std::string notes = directory_.path("notes");
  ObserverProcess observer =
      observe_with({"--recovery-exec", "sh -c 'echo $HB_PID $HB_UID $HB_UID_NOW >> " + notes + "'",
                    "--recovery-require-same-uid"});
  const PacedAgent changed(socket_, 0,
                           [] { become(::setresuid(kAgentUid, kAgentUid, kAgentUid)); });
  change(observer, changed, [&] { return status_line(changed.pid(), "Uid").starts_with("65533"); });
  EXPECT_EQ(cause_of_stall(observer, changed.pid()), "silence");
  const PacedAgent same(socket_, kOtherUid);
  same.prove_to(observer);
  EXPECT_EQ(cause_of_stall(observer, same.pid()), "silence");
  const Json counters = observer.stop();
  EXPECT_EQ(count(counters, "recovery_refused_total", "credentials_changed"), 1U) << counters;
  EXPECT_EQ(count(counters, "recovery_total", "completed_zero"), 1U) << counters;
  std::ifstream file(notes);
  const std::string noted{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(noted, std::to_string(same.pid()) + " 65532 65532\n");
}

// --- What is shared ---

// Ten throwaway processes of one user spent the budget of all, and an honest agent of another one
// was not recovered.
TEST_P(Users, BudgetOfAllIsNotSpentByOne) {
  const std::string notes = directory_.path("notes");
  ObserverProcess observer =
      observe_with({"--recovery-exec", "sh -c 'echo $HB_UID >> " + notes + "'"});
  const auto die = [] { ::_exit(1); };
  for (int i = 0; i < 20; ++i) {
    const PacedAgent throwaway(socket_, kAgentUid, die);
    throwaway.beat_to(observer);
    throwaway.change();
    EXPECT_EQ(cause_of_stall(observer, throwaway.pid()), "exited");
  }
  const PacedAgent honest(socket_, kOtherUid, die);
  honest.beat_to(observer);
  honest.change();
  EXPECT_EQ(cause_of_stall(observer, honest.pid()), "exited");
  const Json counters = observer.stop();
  EXPECT_EQ(count(counters, "recovery_total", "completed_zero"), 3U) << counters;
  EXPECT_EQ(count(counters, "recovery_refused_total", "uid_budget_exhausted"), 18U) << counters;
  std::ifstream file(notes);
  const std::string noted{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(std::count(noted.begin(), noted.end(), '\n'), 3);
  EXPECT_NE(noted.find("65532\n"), std::string::npos) << noted;
}

// 1,100 agents where 1,024 descriptors were allowed: none was left for an honest agent that hung,
// nor to open a file again.
TEST_P(Users, DescriptorsAreNotTakenByOne) {
  const std::string exported = directory_.path("events.tsv");
  auto few = std::make_unique<DescriptorLimits>(300, 300);
  ObserverProcess observer = signal_with("KILL", {"--export-file", exported});
  few.reset();
  const PacedAgent early(socket_, kOtherUid);
  early.prove_to(observer);
  std::vector<std::unique_ptr<PacedAgent>> many;
  const auto crowd = [&](int agents) {
    for (int i = 0; i < agents; ++i) {
      many.push_back(std::make_unique<PacedAgent>(socket_, kAgentUid));
      many.back()->beat_to(observer);
    }
  };
  crowd(200);
  const PacedAgent late(socket_, kOtherUid);
  late.prove_to(observer);
  crowd(50);
  EXPECT_TRUE(eventually([&] { return !is_alive(early.pid()) && !is_alive(late.pid()); }));
  std::filesystem::rename(exported, exported + ".1");
  observer.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(exported); }));
  many.clear();
  // An observer that ends does not wait long for its reader: so much would stand in the pipe.
  for (int told = 0; told < 250;) {
    const pid_t pid = observer.expect_death().value("pid", 0);
    told += pid != early.pid() && pid != late.pid() ? 1 : 0;
  }
  observer.process().signal(SIGTERM);
  Json event = observer.next_event();
  while (event.value("event", "") != "stopped") {
    if (event.empty()) observer.give_up("it did not say that it stopped");
    event = observer.next_event();
  }
  EXPECT_EQ(observer.process().wait(), 0);
  const Json& counters = event["counters"];
  EXPECT_EQ(count(counters, "recovery_total", "signalled"), 2U) << counters;
  EXPECT_EQ(counters["recovery_unprepared_total"], 0) << counters;
  const std::string said = observer.process().errors();
  EXPECT_NE(said.find("300 descriptors (RLIMIT_NOFILE)"), std::string::npos) << said;
}

}  // namespace
}  // namespace hb::test
