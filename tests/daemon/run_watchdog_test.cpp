// The watchdog with a stuck loop, in the real program.
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <thread>

#include "tests/daemon/held_thread.hpp"
#include "tests/support/attest_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/run_fixture.hpp"

namespace hb::test {
namespace {

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

long lines_in(const std::string& path) {
  const std::string all = content(path);
  return std::count(all.begin(), all.end(), '\n');
}

std::string status_line(const std::filesystem::path& task, const std::string& key) {
  std::ifstream status(task / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":"))
      return line.substr(line.find_first_not_of(" \t", key.size() + 1));
  }
  return {};
}

std::vector<std::filesystem::path> threads_of(pid_t pid) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/task");
  return {begin(all), end(all)};
}

// Whether SIGURG waits for the main thread, which is held.
bool was_interrupted(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  const std::string pending = status_line(process + "/task/" + std::to_string(pid), "SigPnd");
  return !pending.empty() && (std::stoull(pending, nullptr, 16) >> (SIGURG - 1) & 1) != 0;
}

class RunWatchdog : public Run {
 protected:
  void SetUp() override { HB_NEEDS_ROOT(); }

  // Ends with a code for which its agent is recovered.
  void fail_after_a_beat() const {
    Child::run([&] {
      send_claim(socket_, own_pid());
      ::_exit(1);
    }).wait();
  }

  // Stopped inside recvmmsg(2), which a received descriptor could block.
  void hold(ObserverProcess& observer) {
    held_.emplace(observer.process().pid());
    ASSERT_TRUE(held_->is_held());
    ASSERT_TRUE(send_claim(socket_, own_pid()));
    ASSERT_TRUE(held_->at(SYS_recvmmsg));
  }

  // A limit that a busy machine keeps, and longer than that.
  static constexpr const char* kShort = "1000";
  static constexpr milliseconds kLonger{2500};

  std::optional<HeldThread> held_;
};

TEST_F(RunWatchdog, EndsALoopThatIsStuckForTheLimit) {
  ObserverProcess observer = observe({"--self-watchdog-ms", kShort});
  hold(observer);
  EXPECT_EQ(observer.process().wait(), 5);
  const std::string errors = observer.process().errors();
  EXPECT_NE(errors.find("the loop has not turned for "), std::string::npos) << errors;
  EXPECT_NE(errors.find("it was receiving frames"), std::string::npos) << errors;
}

TEST_F(RunWatchdog, LeavesASocketThatTheNextStartReplaces) {
  ObserverProcess first = observe({"--self-watchdog-ms", kShort});
  hold(first);
  EXPECT_EQ(first.process().wait(), 5);
  EXPECT_TRUE(std::filesystem::is_socket(socket_));
  ObserverProcess second = observe();
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  second.expect("beat");
  second.stop();
}

TEST_F(RunWatchdog, InterruptsALoopThatIsStuckForLessAndDoesNotEndIt) {
  ObserverProcess observer = observe();
  hold(observer);
  EXPECT_TRUE(eventually([&] { return was_interrupted(observer.process().pid()); }));
  held_->release();
  observer.expect("beat");
  const Json counters = observer.stop();
  EXPECT_GE(counters["loop_interrupted_total"], 1);
}

TEST_F(RunWatchdog, DoesNotEndAProcessThatWasStopped) {
  ObserverProcess observer = observe({"--self-watchdog-ms", kShort});
  observer.process().signal(SIGSTOP);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  std::this_thread::sleep_for(kLonger);
  observer.process().signal(SIGCONT);
  observer.expect("beat");
  observer.stop();
}

TEST_F(RunWatchdog, DoesNotEndALoopThatHasNothingToDo) {
  ObserverProcess observer = observe({"--self-watchdog-ms", kShort, "--threshold-ms", "86400000"});
  std::this_thread::sleep_for(kLonger);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  observer.stop();
}

TEST_F(RunWatchdog, ASignalEndsALoopThatIsStuck) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ObserverProcess observer = observe();
    hold(observer);
    observer.process().signal(signal);
    EXPECT_EQ(observer.process().wait(), 5);
    const std::string errors = observer.process().errors();
    const char* name = signal == SIGTERM ? "does not hear SIGTERM" : "does not hear SIGINT";
    EXPECT_NE(errors.find(name), std::string::npos) << errors;
  }
}

TEST_F(RunWatchdog, ASignalEndsALoopThatIsStuckInPpoll) {
  ObserverProcess observer = observe();
  held_.emplace(observer.process().pid());
  ASSERT_TRUE(held_->is_held());
  observer.process().signal(SIGTERM);
  EXPECT_EQ(observer.process().wait(), 5);
}

TEST_F(RunWatchdog, IsOffWhereItIsToldSo) {
  ObserverProcess observer = observe({"--self-watchdog-ms", "0"});
  EXPECT_EQ(threads_of(observer.process().pid()).size(), 1U);
  observer.stop();
}

// capset(2) and prctl(2) affect one thread: the other must not keep privileges that the loop
// dropped.
TEST_F(RunWatchdog, HasNoThreadWithMorePrivilegesThanTheLoop) {
  ObserverProcess observer(socket_, {"--attest", "procfs", "--user", "nobody"});
  const auto threads = threads_of(observer.process().pid());
  ASSERT_EQ(threads.size(), 2U);
  for (const char* key :
       {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Uid", "Gid", "Groups"}) {
    EXPECT_EQ(status_line(threads[0], key), status_line(threads[1], key)) << key;
  }
  observer.stop();
}

// A command may take longer to end than the loop may take for a turn.
TEST_F(RunWatchdog, DoesNotEndAShutdownThatWaitsForACommand) {
  const std::string begun = directory_.path("begun");
  const std::string done = directory_.path("done");
  ObserverProcess observer(
      socket_, {"--threshold-ms", "200", "--recovery-startup-grace-ms", "0", "--self-watchdog-ms",
                kShort, "--shutdown-grace-ms", "60000", "--recovery-exec",
                "sh -c 'touch " + begun + "; sleep 3; touch " + done + "'"});
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(begun); }));
  observer.expect("beat");
  observer.expect("stall");
  observer.stop();
  EXPECT_TRUE(std::filesystem::exists(done));
}

// --- Interrupted at every system call ---

// Signals the main thread of `pid` as fast as it takes them, as the watchdog does.
class Storm {
 public:
  explicit Storm(pid_t pid)
      : thread_([this, pid] {
          while (!over_) {
            ::syscall(SYS_tgkill, pid, pid, SIGURG);
            const timespec rest{0, 50'000};
            ::nanosleep(&rest, nullptr);
          }
        }) {}
  ~Storm() {
    over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

TEST_P(EveryDelivery, LosesNothingWhileInterruptedBySignals) {
  ObserverProcess observer =
      observe({"--beats", "none", "--threshold-ms", "60000", "--log-level", "warn"});
  {
    const Storm storm(observer.process().pid());
    std::vector<std::unique_ptr<Process>> agents;
    for (int i = 0; i < 10; ++i) {
      agents.push_back(std::make_unique<Process>(
          hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20", "--count", "50"})));
    }
    for (auto& agent : agents) EXPECT_EQ(agent->wait(std::chrono::seconds(60)), 0);
  }
  const Json counters = observer.stop();
  EXPECT_EQ(counters["beats_total"], 500);
  EXPECT_EQ(counters["exits_total"], 10);
  expect_balance(counters);
  EXPECT_EQ(observer.process().errors(), "");
}

INSTANTIATE_TEST_SUITE_P(By, EveryDelivery, ::testing::Values("socket", "ring"),
                         [](const auto& delivery) { return std::string(delivery.param); });

// Files that are opened again, commands whose output is read, records that are on disk before them.
TEST_F(RunWatchdog, EverythingWorksInAStormOfSignals) {
  constexpr int kCommands = 20;
  const std::string notes = directory_.path("notes");
  const std::string audit = directory_.path("audit");
  const std::string exported = directory_.path("exported");
  ObserverProcess observer(
      socket_, {"--beats", "none", "--threshold-ms", "60000", "--recovery-startup-grace-ms", "0",
                "--recovery-budget", "1000/1", "--log-level", "warn", "--recovery-audit-file",
                audit, "--export-file", exported, "--shutdown-grace-ms", "60000", "--recovery-exec",
                "sh -c 'echo {pid} >> " + notes + "; echo said'"});
  {
    const Storm storm(observer.process().pid());
    for (int i = 1; i <= kCommands; ++i) {
      fail_after_a_beat();
      observer.process().signal(SIGHUP);
      observer.expect("stall");
      ASSERT_TRUE(eventually([&] { return lines_in(notes) == i; }));
    }
  }
  const Json counters = observer.stop();
  EXPECT_EQ(counters["recovery_total"]["spawned"], kCommands);
  EXPECT_EQ(counters["recovery_total"]["completed_zero"], kCommands);
  EXPECT_EQ(counters["recovery_unaudited_total"], 0);
  EXPECT_EQ(counters["export_lines_total"], 2 * kCommands);
  EXPECT_EQ(observer.process().errors(), "");
  EXPECT_EQ(run_to_end({"audit", "verify", audit}).code, 0);
}

// --- Priority ---

std::string nice_of(const std::filesystem::path& task) {
  const std::string stat = content(task / "stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string field;
  for (int number = 3; number <= 19; ++number) fields >> field;
  return field;
}

// Before an exec: no priority, and no privilege to take one.
void renounce_nice() {
  ::setpriority(PRIO_PROCESS, 0, 0);
  ::prctl(PR_SET_SECUREBITS, 0, 0, 0, 0);
  ::prctl(PR_CAPBSET_DROP, 23 /* CAP_SYS_NICE */, 0, 0, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_NICE, &none);
}

TEST_F(RunWatchdog, RunsBeforeOthersByDefault) {
  ObserverProcess observer = observe();
  const auto threads = threads_of(observer.process().pid());
  ASSERT_EQ(threads.size(), 2U);
  for (const auto& thread : threads) EXPECT_EQ(nice_of(thread), "-20") << thread;
  observer.stop();
}

TEST_F(RunWatchdog, RunsAtThePriorityThatItIsTold) {
  for (const char* nice : {"-3", "0", "7"}) {
    ObserverProcess observer = observe({"--nice", nice});
    for (const auto& thread : threads_of(observer.process().pid())) {
      EXPECT_EQ(nice_of(thread), nice) << thread;
    }
    observer.stop();
  }
}

TEST_F(RunWatchdog, CommandsDoNotInheritThePriority) {
  const std::string note = directory_.path("nice");
  ObserverProcess observer(
      socket_, {"--beats", "none", "--threshold-ms", "300", "--recovery-startup-grace-ms", "0",
                "--recovery-exec", "sh -c 'nice > " + note + "'"});
  EXPECT_EQ(nice_of(threads_of(observer.process().pid())[0]), "-20");
  fail_after_a_beat();
  EXPECT_TRUE(eventually([&] { return content(note) == "0\n"; })) << content(note);
}

TEST_F(RunWatchdog, StartsWithoutTheDefaultPriorityWhereItIsNotPermitted) {
  Process observer(arguments({"--events", "json"}), {}, renounce_nice);
  ASSERT_TRUE(observer.next_line());
  observer.signal(SIGTERM);
  EXPECT_EQ(observer.wait(), 0);
  const std::string errors = observer.errors();
  EXPECT_NE(errors.find("info: cannot run at nice -20"), std::string::npos) << errors;
}

TEST_F(RunWatchdog, DoesNotStartWhereAnExplicitPriorityIsNotPermitted) {
  Process observer(arguments({"--nice", "-5"}), {}, renounce_nice);
  EXPECT_EQ(observer.wait(), 1);
  const std::string errors = observer.errors();
  EXPECT_NE(errors.find("--nice: cannot run at nice -5"), std::string::npos) << errors;
  EXPECT_NE(errors.find("CAP_SYS_NICE"), std::string::npos) << errors;
}

}  // namespace
}  // namespace hb::test
