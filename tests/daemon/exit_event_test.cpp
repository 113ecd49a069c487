// Exits of real agents, in every way, and events that are not exits.
#include <sys/mount.h>
#include <sys/syscall.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>
#include <vector>

#include "tests/support/attest_fixture.hpp"
#include "tests/support/how_many.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

// What follows holds by either delivery. No silence here is long enough for a stall.
class Death : public EveryDelivery {
 protected:
  ObserverProcess observe_deaths(Argv more = {}) {
    more.insert(more.end(), {"--threshold-ms", "60000", "--beats", "none"});
    return observe(more);
  }

  static void beat_for_ever(const std::string& socket) {
    UnixAgent agent(socket);
    for (std::uint64_t nonce = 1;; ++nonce) {
      [[maybe_unused]] const auto sent = agent.send(frame_of(own_pid(), nonce));
      ::usleep(5'000);
    }
  }
};

TEST_P(Death, BySignalIsAStallAtOnce) {
  ObserverProcess observer = observe_deaths();
  Child agent = Child::run([&] {
    send_claim(socket_, own_pid(), 9);
    ::pause();
  });
  observer.expect_nothing();
  ::kill(agent.pid(), SIGKILL);
  const Json stall = observer.expect("stall");
  EXPECT_EQ(stall["pid"], agent.pid());
  EXPECT_EQ(stall["cause"], "exited");
  EXPECT_EQ(stall["exit_signal"], SIGKILL);
  EXPECT_FALSE(stall.contains("exit_code"));
  EXPECT_EQ(stall["last_nonce"], 9);
  EXPECT_EQ(stall["origin"], "kernel_attested");
  observer.expect_nothing();
  EXPECT_EQ(observer.stop()["stalls_total"], 1);
}

TEST_P(Death, ByExitHasTheCode) {
  ObserverProcess observer = observe_deaths();
  Child agent = Child::run([&] {
    send_claim(socket_, own_pid());
    ::_exit(3);
  });
  const Json stall = observer.expect("stall");
  EXPECT_EQ(stall["pid"], agent.pid());
  EXPECT_EQ(stall["exit_code"], 3);
  observer.stop();
}

// The observer sleeps while an agent sends and ends: its beats come first.
TEST_P(Death, ComesAfterTheLastBeat) {
  ObserverProcess observer = observe({"--threshold-ms", "60000"});
  while_asleep(observer, [&] {
    Child::run([&] {
      UnixAgent agent(socket_);
      for (std::uint64_t nonce = 1; nonce <= 20; ++nonce) {
        become(agent.send(frame_of(own_pid(), nonce)) ? 0 : 1);
      }
    }).wait();
  });
  for (std::uint64_t nonce = 1; nonce <= 20; ++nonce) {
    EXPECT_EQ(observer.expect("beat")["nonce"], nonce);
  }
  const Json stall = observer.expect("stall");
  EXPECT_EQ(stall["cause"], "exited");
  EXPECT_EQ(stall["last_nonce"], 20);
  observer.stop();
}

TEST_P(Death, IsNoneWhenAThreadEnds) {
  ObserverProcess observer = observe_deaths();
  Child agent = Child::run([&] {
    std::thread([&] { send_claim(socket_, own_pid()); }).join();
    ::pause();
  });
  observer.expect_nothing();
  observer.stop();
}

TEST_P(Death, IsNoneWhenTheMainThreadEnds) {
  ObserverProcess observer = observe_deaths();
  Child agent = Child::run([&] {
    std::thread([&] { beat_for_ever(socket_); }).detach();
    ::syscall(SYS_exit, 0);
  });
  observer.expect_nothing();
  ::kill(agent.pid(), SIGKILL);
  EXPECT_EQ(observer.expect("stall")["cause"], "exited");
  observer.stop();
}

// The process keeps its pid and generation, and its nonces begin again: still one agent.
TEST_P(Death, IsNoneByExec) {
  ObserverProcess observer = observe({"--threshold-ms", "60000"});
  Child agent = Child::run([&] {
    become(send_claim(socket_, own_pid(), 500) ? 0 : 1);
    const Argv argv = hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "60000"});
    ::execl(argv[0].c_str(), argv[0].c_str(), argv[1].c_str(), argv[2].c_str(), argv[3].c_str(),
            argv[4].c_str(), argv[5].c_str(), nullptr);
    ::_exit(70);
  });
  EXPECT_EQ(observer.expect("beat")["nonce"], 500);
  EXPECT_EQ(observer.expect("beat")["nonce"], 1);
  ::kill(agent.pid(), SIGTERM);
  EXPECT_EQ(observer.expect("stall")["cause"], "exited");
  observer.stop();
}

TEST_P(Death, IsNoneBySigstop) {
  ObserverProcess observer = observe({"--threshold-ms", "1000", "--beats", "changes"});
  Process agent(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"}));
  observer.expect("beat");
  agent.signal(SIGSTOP);
  const Json stall = observer.expect("stall");
  EXPECT_EQ(stall["cause"], "silence");
  EXPECT_FALSE(stall.contains("exit_code"));
  agent.signal(SIGKILL);
  EXPECT_EQ(observer.expect("stall")["cause"], "exited");
  observer.stop();
}

// Processes in a frozen cgroup do not run, but have not ended.
TEST_P(Death, IsNoneByFreezing) {
  TemporaryDirectory mounted;
  const std::string root = mounted.path("");
  HB_NEEDS(::mount("cgroup2", root.c_str(), "cgroup2", 0, nullptr) == 0, "a cgroup2 to mount");
  const std::string group = mounted.path("hb-test-" + std::to_string(own_pid()));
  std::filesystem::create_directory(group);
  {
    ObserverProcess observer = observe({"--threshold-ms", "1000", "--beats", "changes"});
    Process agent(hb_ebpf({"beat", "--socket", socket_, "--interval-ms", "20"}));
    std::ofstream(group + "/cgroup.procs") << agent.pid();
    observer.expect("beat");
    std::ofstream(group + "/cgroup.freeze") << 1;
    EXPECT_EQ(observer.expect("stall")["cause"], "silence");
    agent.signal(SIGKILL);
    std::ofstream(group + "/cgroup.freeze") << 0;
    agent.wait();
    Json stall = observer.next_event();
    while (stall["event"] == "beat") stall = observer.next_event();  // one that was just being sent
    EXPECT_EQ(stall["cause"], "exited");
    observer.stop();
  }
  std::filesystem::remove(group);
  ::umount2(root.c_str(), MNT_DETACH);
}

// Exits of processes that are no agents, and of forgers, are not reported.
TEST_P(Death, OfAProcessThatIsNoAgentIsNotReported) {
  ObserverProcess observer = observe_deaths();
  Child::run([&] { send_claim(socket_, own_pid() + 1); }).wait();
  observer.expect("auth_failure");
  observer.expect_nothing();
  observer.stop();
}

// The exit event, and recovery, must use its pid in the observer's namespace.
TEST_P(Death, InAnotherNamespaceIsReportedUnderThePidHere) {
  ObserverProcess observer = observe_deaths({"--allow-cross-namespace-agents"});
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, own_pid()); }), 0);
  const Json stall = observer.expect("stall");
  EXPECT_GT(stall["pid"].get<std::uint32_t>(), 2U);
  EXPECT_EQ(stall["claimed_pid"], 2);
  EXPECT_NE(stall["pid_ns_inode"], namespace_inode());
  EXPECT_EQ(stall["cause"], "exited");
  observer.stop();
}

// Two containers, in each of which the agent is pid 2.
TEST_P(Death, OfEqualPidsInTwoContainersIsDistinguished) {
  ObserverProcess observer = observe({"--allow-cross-namespace-agents", "--beats", "changes"});
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, own_pid()); }), 0);
  ASSERT_EQ(in_private_namespace([&] { send_claim(socket_, own_pid()); }), 0);
  std::map<std::uint32_t, std::string> said;
  for (int i = 0; i < 4; ++i) {
    const Json event = observer.next_event();
    EXPECT_EQ(event["claimed_pid"], 2) << event;
    said[event["pid"].get<std::uint32_t>()] += event["event"].get<std::string>() + " ";
  }
  EXPECT_EQ(said.size(), 2U);
  for (const auto& [pid, events] : said) EXPECT_EQ(events, "beat stall ") << pid;
  observer.stop();
}

TEST_P(Death, OfAFormerProcessIsNotReportedForThePidsNewOwner) {
  ObserverProcess observer = observe({"--threshold-ms", "60000"});
  const std::size_t times = how_many_processes(20);
  for (std::size_t i = 0; i < times; ++i) {
    pid_t old = 0;
    {
      Child agent = Child::run([&] {
        send_claim(socket_, own_pid());
        ::pause();
      });
      old = agent.pid();
      ASSERT_EQ(observer.expect("beat")["pid"], old);
    }
    Child next = Child::run_as(old, [&] {
      send_claim(socket_, own_pid());
      ::pause();
    });
    ASSERT_EQ(next.pid(), old) << "the pid was taken meanwhile";
    const Json stall = observer.expect("stall");
    const Json beat = observer.expect("beat");
    EXPECT_EQ(stall["pid"], old);
    EXPECT_EQ(stall["exit_signal"], SIGKILL);
    EXPECT_EQ(beat["pid"], old);
    observer.expect_nothing(milliseconds(20));  // the new process is alive
    ::kill(next.pid(), SIGTERM);
    next.wait();
    const Json second = observer.expect("stall");
    EXPECT_NE(second["generation_ns"], stall["generation_ns"]);
    EXPECT_EQ(second["exit_signal"], SIGTERM);
  }
  EXPECT_EQ(observer.stop()["pid_recycled_total"], times);
}

// A thousand agents, each killed at a random time: each exit is reported exactly once.
TEST_P(Death, OfEachOfAThousandIsReportedOnce) {
  const std::size_t all = how_many_processes(1000);
  constexpr std::size_t kAtOnce = 100;
  ObserverProcess observer = observe_deaths();
  std::map<std::uint32_t, int> told;
  const auto tell = [&](const Json& event) {
    EXPECT_EQ(event["event"], "stall") << event;
    EXPECT_EQ(event["cause"], "exited") << event;
    told[event.value("pid", 0U)]++;
  };
  for (std::size_t begun = 0; begun < all; begun += kAtOnce) {
    std::vector<Child> agents;
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      agents.push_back(Child::run([&] { beat_for_ever(socket_); }));
    }
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      ::usleep(static_cast<useconds_t>(i * 37 % 11 * 300));
      ::kill(agents[i].pid(), SIGKILL);
    }
    for (Child& agent : agents) {
      told[static_cast<std::uint32_t>(agent.pid())] += 0;
      agent.wait();
    }
    for (Json event = observer.next_event(milliseconds(300)); !event.empty();
         event = observer.next_event(milliseconds(300))) {
      tell(event);
    }
  }
  const Json counters = observer.stop(SIGTERM, tell);  // where all is slow, some come late
  std::size_t deaths = 0;
  for (const auto& [pid, times] : told) {
    EXPECT_LE(times, 1) << pid;
    deaths += static_cast<std::size_t>(times);
  }
  EXPECT_EQ(counters["exits_lost_total"], 0);
  EXPECT_EQ(counters["exits_total"], deaths) << "an agent's first beat was accepted or lost";
  EXPECT_GT(deaths, all / 2);
  expect_balance(counters);
}

INSTANTIATE_TEST_SUITE_P(By, Death, ::testing::Values("socket", "ring"),
                         [](const auto& delivery) { return std::string(delivery.param); });

}  // namespace
}  // namespace hb::test
