// Programs of Debian that speak systemd's notify protocol, before an observer: they begin, beat,
// hang, are killed, reload and stop.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <ostream>
#include <set>
#include <vector>

#include "tests/notify/notify_agent.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/proc_status.hpp"

namespace hb::test {
namespace {

struct Program {
  const char* name;
  const char* package;
  const char* proof;  // of its installation
  // Prepares what it needs in that directory, and says how it is started.
  Argv (*arguments)(const std::string& directory);
  bool beats;          // it beats by itself, as WATCHDOG_USEC= asks it to
  int reload;          // the signal
  bool says_it_stops;  // at SIGTERM
};

std::string file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  return path;
}

Argv tor(const std::string& directory) {
  const std::string data = directory + "/tor";
  ::mkdir(data.c_str(), 0700);
  return {"/usr/bin/tor",
          "-f",
          file(directory + "/torrc", ""),
          "--defaults-torrc",
          "/dev/null",
          "--ignore-missing-torrc",
          "--DisableNetwork",
          "1",
          "--SocksPort",
          "0",
          "--DataDirectory",
          data};
}

Argv haproxy(const std::string& directory) {
  const std::string settings =
      "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n"
      "frontend f\n  bind unix@" +
      directory + "/haproxy.sock\n";
  return {"/usr/sbin/haproxy", "-Ws", "-f", file(directory + "/haproxy.cfg", settings)};
}

// A service as people write them; `say` is the library's. It does not end by an exception: where a
// signal comes while sdnotify sends, that would swallow it.
Argv service_in_python(const std::string& directory, const std::string& say) {
  const std::string text = say + R"(
import os, signal, time

def stop(number, frame):
    say("STOPPING=1")
    os._exit(0)

def reload(number, frame):
    say("RELOADING=1")
    say("READY=1\nSTATUS=reloaded")

signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGHUP, reload)
say("READY=1\nSTATUS=serving")
while True:
    say("WATCHDOG=1")
    time.sleep(int(os.environ["WATCHDOG_USEC"]) / 2e6)
)";
  return {"/usr/bin/python3", file(directory + "/service.py", text)};
}

Argv python_systemd(const std::string& directory) {
  return service_in_python(directory, "from systemd.daemon import notify as say");
}

Argv python_sdnotify(const std::string& directory) {
  return service_in_python(directory, "import sdnotify\nsay = sdnotify.SystemdNotifier().notify");
}

const Program kPrograms[] = {
    {"Tor", "tor", "/usr/bin/tor", tor, true, SIGHUP, false},
    {"Haproxy", "haproxy", "/usr/sbin/haproxy", haproxy, false, SIGUSR2, true},
    {"PythonSystemd", "python3-systemd", "/usr/lib/python3/dist-packages/systemd/daemon.py",
     python_systemd, true, SIGHUP, true},
    {"PythonSdnotify", "python3-sdnotify", "/usr/lib/python3/dist-packages/sdnotify/__init__.py",
     python_sdnotify, true, SIGHUP, true},
};

void PrintTo(const Program& program, std::ostream* out) { *out << program.name; }

class NotifyProgram : public NotifyRun, public ::testing::WithParamInterface<Program> {
 protected:
  static constexpr const char* kWatchdog_us = "1000000";

  void SetUp() override {
    HB_NEEDS(std::filesystem::exists(GetParam().proof),
             std::string("package ") + GetParam().package);
    NotifyRun::SetUp();
  }

  // As a service manager starts it.
  void start() {
    const Argv arguments = GetParam().arguments(directory_.path("."));
    program_ = std::make_unique<Process>(arguments, Process::Streams{}, [&] {
      ::setenv("NOTIFY_SOCKET", notify_path_.c_str(), 1);
      ::setenv("WATCHDOG_USEC", kWatchdog_us, 1);
      ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    });
    pid_ = program_->pid();
  }

  // The next event of this kind and of the program's, past all that comes before it, with that.
  Json await(ObserverProcess& observer, const std::string& kind, const std::string& key = "",
             const Json& value = {}) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {  // it may beat for ever
      Json event = observer.next_event();
      if (event["event"] != kind || event["pid"] != pid_) continue;
      if (key.empty() || event.value(key, Json()) == value) return event;
    }
    observer.give_up("no " + kind + " with " + key + " of " + GetParam().name + ": " + output());
  }

  // Some say that they are ready before they are ready for signals.
  void signal(int number) {
    const auto has = [&](const char* which) {
      const auto mask = std::strtoull(status_line(pid_, which).c_str(), nullptr, 16);
      return (mask >> (number - 1) & 1) != 0;
    };
    EXPECT_TRUE(eventually([&] { return has("SigCgt") && !has("SigBlk"); })) << number;
    program_->signal(number);
  }

  std::string output() {
    program_->signal(SIGKILL);
    program_->wait();
    return program_->rest_of_output() + program_->errors();
  }

  std::unique_ptr<Process> program_;
  pid_t pid_ = -1;
};

class NotifyProgramThatBeats : public NotifyProgram {};
class NotifyProgramThatIsOnlyReady : public NotifyProgram {};

std::string name_of(const ::testing::TestParamInfo<Program>& program) { return program.param.name; }

std::vector<Program> those_that_beat(bool beat) {
  std::vector<Program> programs;
  std::ranges::copy_if(kPrograms, std::back_inserter(programs),
                       [&](const Program& program) { return program.beats == beat; });
  return programs;
}

INSTANTIATE_TEST_SUITE_P(Of, NotifyProgram, ::testing::ValuesIn(kPrograms), name_of);
INSTANTIATE_TEST_SUITE_P(Of, NotifyProgramThatBeats, ::testing::ValuesIn(those_that_beat(true)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Of, NotifyProgramThatIsOnlyReady,
                         ::testing::ValuesIn(those_that_beat(false)), name_of);

TEST_P(NotifyProgram, IsObserved) {
  ObserverProcess observer = observe();
  start();
  Json beat = await(observer, "beat");
  EXPECT_EQ(beat["protocol"], "notify");
  EXPECT_EQ(beat["origin"], "kernel_attested");
  Json ready = await(observer, "notice", "ready", true);
  EXPECT_EQ(ready["uid"], ::getuid());
  if (!GetParam().beats) return;
  const std::uint64_t first = await(observer, "beat")["nonce"];
  for (std::uint64_t n = first + 1; n < first + 4; ++n) {
    EXPECT_EQ(await(observer, "beat")["nonce"], n);
  }
}

TEST_P(NotifyProgramThatBeats, IsSilentWhenItHangs) {
  ObserverProcess observer = observe({"--threshold-ms", "5000"});
  start();
  await(observer, "notice", "ready", true);
  await(observer, "beat");
  await(observer, "beat");
  program_->signal(SIGSTOP);
  Json stall = await(observer, "stall");
  EXPECT_EQ(stall["cause"], "silence");
  EXPECT_EQ(stall["protocol"], "notify");
  program_->signal(SIGCONT);
  await(observer, "beat");
}

TEST_P(NotifyProgramThatIsOnlyReady, IsNotWatched) {
  ObserverProcess observer = observe({"--threshold-ms", "1000"});
  start();
  Json ready = await(observer, "notice", "ready", true);
  EXPECT_TRUE(ready["threshold_ns"].is_null()) << ready;
}

TEST_P(NotifyProgram, ThatIsKilledHasEndedByThatSignal) {
  ObserverProcess observer = observe();
  start();
  await(observer, "notice", "ready", true);
  program_->signal(SIGKILL);
  Json stall = await(observer, "stall");
  EXPECT_EQ(stall["cause"], "exited");
  EXPECT_EQ(stall["exit_signal"], SIGKILL);
  EXPECT_FALSE(stall.contains("last_word"));
}

TEST_P(NotifyProgram, ThatStopsHasItsLastWord) {
  ObserverProcess observer = observe();
  start();
  await(observer, "notice", "ready", true);
  signal(SIGTERM);
  if (GetParam().says_it_stops) await(observer, "notice", "stopping", true);
  Json stall = await(observer, "stall");
  EXPECT_EQ(stall["cause"], "exited");
  EXPECT_EQ(stall.value("last_word", false), GetParam().says_it_stops) << stall;
  EXPECT_EQ(stall["exit_code"], program_->wait());
  expect_balance(observer.stop());
}

TEST_P(NotifyProgram, ThatReloadsSaysSo) {
  ObserverProcess observer = observe();
  start();
  await(observer, "notice", "ready", true);
  if (GetParam().beats) await(observer, "beat");
  signal(GetParam().reload);
  await(observer, "notice", "reloading", true);
  Json ready = await(observer, "notice", "ready", true);
  EXPECT_EQ(ready["threshold_ns"].is_null(), !GetParam().beats) << ready;
}

// systemd-notify(1), from scripts: each message is from a process of its own, which ends at once.
class SystemdNotify : public NotifyRun {
 protected:
  static constexpr const char* kProgram = "/usr/bin/systemd-notify";

  void SetUp() override {
    HB_NEEDS(std::filesystem::exists(kProgram), "package systemd");
    NotifyRun::SetUp();
    ::setenv("NOTIFY_SOCKET", notify_path_.c_str(), 1);
  }
  void TearDown() override { ::unsetenv("NOTIFY_SOCKET"); }
};

TEST_F(SystemdNotify, IsWhoSendsWhomeverItNames) {
  ObserverProcess observer = observe();
  Process helper({kProgram, "--ready", "--status=one of many"});
  const pid_t pid = helper.pid();
  EXPECT_EQ(helper.wait(), 0) << helper.errors();
  expect_beat(observer, pid);
  Json notice = observer.expect("notice");
  EXPECT_EQ(notice["pid"], pid);
  EXPECT_EQ(notice["ready"], true);
  EXPECT_EQ(notice["status_text"], "one of many");
  EXPECT_EQ(observer.expect_death()["pid"], pid);
  stop(observer);
}

TEST_F(SystemdNotify, InAShellsLoopIsKnownEachTime) {
  ObserverProcess observer = observe();
  Process shell({"/bin/sh", "-c", "for n in 1 2 3; do systemd-notify WATCHDOG=1; done"});
  const pid_t shell_pid = shell.pid();
  std::set<pid_t> beaten;
  std::set<pid_t> ended;
  while (beaten.size() < 3 || ended.size() < 3) {
    Json event = observer.next_event();
    ASSERT_FALSE(event.empty());
    const bool is_beat = event["event"] == "beat";
    EXPECT_TRUE(is_beat || event["exit_code"] == 0) << event;
    EXPECT_TRUE((is_beat ? beaten : ended).insert(event["pid"].get<pid_t>()).second) << event;
  }
  EXPECT_EQ(beaten, ended);
  EXPECT_FALSE(beaten.contains(shell_pid));
  EXPECT_EQ(shell.wait(), 0);
  EXPECT_EQ(observer.stop()["beats_total"], 3);
}

// It waits until its message has been taken (sd_notify_barrier(3)), for up to 5 s.
TEST_F(SystemdNotify, DoesNotWaitForAnObserverThatIsAsleep) {
  ObserverProcess observer = observe();
  while_asleep(observer, [&] {
    Process helper({kProgram, "READY=1"});
    EXPECT_EQ(helper.wait(), 0) << helper.errors();
  });
  observer.expect("beat");
}

}  // namespace
}  // namespace hb::test
