// The publisher process: what it may do, and what its end costs.
#include <sys/resource.h>
#include <sys/syscall.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/publish/http_client.hpp"
#include "tests/recovery/cgroup_tree.hpp"
#include "tests/support/attest_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

// A line of /proc/PID/status without its name.
std::string status_line(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name + ":")) continue;
    std::istringstream words(line.substr(name.size() + 1));
    std::string word;
    words >> word;
    return word;
  }
  return "";
}

// 0: there is none.
pid_t publisher_of(pid_t observer) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || status_line(pid, "PPid") != std::to_string(observer)) continue;
    if (status_line(pid, "Name") == "hb-ebpf-publish") return pid;
  }
  return 0;
}

bool is_alive(pid_t pid) {
  const std::string state = status_line(pid, "State");
  return !state.empty() && state != "Z";
}

// The socket over which it talks with the observer.
Fd control_of(pid_t pid) {
  constexpr int kDescriptors = 64;
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  for (int number = 0; number < kDescriptors; ++number) {
    Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
    int type = 0;
    socklen_t size = sizeof(type);
    if (!copy || ::getsockopt(copy.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) continue;
    if (type == SOCK_SEQPACKET) return copy;
  }
  return Fd();
}

using RunPublisher = RunPublish;

TEST_F(RunPublisher, MayDoNothing) {
  HB_NEEDS_ROOT();
  ObserverProcess observer = serve();
  const pid_t pid = publisher_of(observer.process().pid());
  ASSERT_GT(pid, 0);
  for (const char* set : {"CapEff", "CapPrm", "CapInh", "CapAmb"}) {
    EXPECT_EQ(status_line(pid, set), "0000000000000000") << set;
  }
  EXPECT_EQ(status_line(pid, "NoNewPrivs"), "1");
  EXPECT_EQ(status_line(pid, "Seccomp"), "2");
  EXPECT_EQ(status_line(pid, "Uid"), "4294967294");
  EXPECT_EQ(status_line(pid, "Gid"), "4294967294");
}

TEST_F(RunPublisher, HasNoFilterWhereNoneIsWanted) {
  ObserverProcess observer = serve({"--no-sandbox"});
  EXPECT_EQ(get("/healthz").status, 200);
  // A container may have one of its own.
  EXPECT_EQ(status_line(publisher_of(observer.process().pid()), "Seccomp"),
            status_line(::getpid(), "Seccomp"));
}

TEST_F(RunPublisher, IsNotAheadOfOthersWhereTheObserverIs) {
  HB_NEEDS_ROOT();
  HB_NEEDS(::setpriority(PRIO_PROCESS, 0, -20) == 0, "CAP_SYS_NICE");
  ObserverProcess observer = serve();
  ::setpriority(PRIO_PROCESS, 0, 0);
  const pid_t pid = publisher_of(observer.process().pid());
  EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(observer.process().pid())), -20);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(pid)), 0);
}

TEST_F(RunPublisher, EndsWithTheObserver) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    ObserverProcess observer = serve();
    const pid_t pid = publisher_of(observer.process().pid());
    ASSERT_GT(pid, 0);
    observer.process().signal(signal);
    EXPECT_TRUE(eventually([&] { return !is_alive(pid); })) << signal;
  }
}

// It can look at nothing then, and the observer, which is another user, may not signal it.
TEST_F(RunPublisher, ThatIsStoppedEndsWithTheObserver) {
  HB_NEEDS_ROOT();
  for (const int signal : {SIGTERM, SIGKILL}) {
    ObserverProcess observer = serve();
    const pid_t pid = publisher_of(observer.process().pid());
    ASSERT_GT(pid, 0);
    ::kill(pid, SIGSTOP);
    ASSERT_TRUE(eventually([&] { return status_line(pid, "State") == "T"; }));
    observer.process().signal(signal);
    observer.process().wait();
    EXPECT_TRUE(eventually([&] { return !is_alive(pid); })) << signal;
    ObserverProcess next = observe({"--http-addr", address_});
    EXPECT_EQ(get("/healthz").status, 200) << signal;
  }
}

TEST_F(RunPublisher, IsNotThereWhereNothingIsPublished) {
  ObserverProcess observer = observe({"--status-socket", "none"});
  EXPECT_EQ(publisher_of(observer.process().pid()), 0);
}

TEST_F(RunPublisher, ItsEndIsToldAndCounted) {
  HB_NEEDS_ROOT();
  ObserverProcess observer = serve({"--threshold-ms", "600000"});
  const pid_t pid = publisher_of(observer.process().pid());
  ::kill(pid, SIGKILL);
  observer.expect_logged("the publisher process has ended");
  EXPECT_TRUE(eventually([&] { return status_line(pid, "State").empty(); })) << "a zombie";
  EXPECT_FALSE(connect_tcp(address_)) << "nobody must wait for an answer";
  EXPECT_FALSE(connect_unix(status_));
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  EXPECT_EQ(observer.stop()["publisher_lost_total"], 1);
  EXPECT_TRUE(left_nothing());
}

TEST_F(RunPublisher, IsLostWhenItSaysWhatItShouldNot) {
  HB_NEEDS_ROOT();
  ObserverProcess observer = serve({"--threshold-ms", "600000"});
  const pid_t pid = publisher_of(observer.process().pid());
  const Fd control = control_of(pid);
  HB_NEEDS(control, "pidfd_getfd(2), for CAP_SYS_PTRACE");
  for (int i = 0; i < 100; ++i) ::send(control.get(), "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  observer.expect_logged("the publisher process has ended");
  EXPECT_TRUE(eventually([&] { return !is_alive(pid); })) << "it has to be killed";
  EXPECT_FALSE(connect_tcp(address_));
  EXPECT_FALSE(connect_unix(status_));
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  EXPECT_EQ(observer.stop()["publisher_lost_total"], 1);
}

TEST_F(RunPublisher, ThatIsStoppedHoldsUpNothing) {
  HB_NEEDS_ROOT();
  ObserverProcess observer = serve({"--threshold-ms", "600000"});
  ::kill(publisher_of(observer.process().pid()), SIGSTOP);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  EXPECT_EQ(observer.stop()["beats_total"], 1);
}

// Agents in a cgroup of their own, whose name is that of the service: no unit is there.
class RunByService : public Attest {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    Attest::SetUp();
    HB_NEEDS(tree_.is_there(), "cgroup v2");
  }

  [[nodiscard]] Json service_at(const std::string& status) const {
    const Json all = status_at(status)["services"];
    for (const Json& service : all) {
      if (service["name"] == tree_.path("/web")) return service;
    }
    return Json::object();
  }

  CgroupTree tree_;
};

TEST_F(RunByService, BeatsAreCountedByService) {
  ASSERT_NE(tree_.make("/web"), 0U);
  ObserverProcess observer = observe();
  Child agent = Child::run([&] {
    std::ofstream(tree_.mount() + tree_.path("/web") + "/cgroup.procs") << 0 << std::flush;
    for (std::uint64_t nonce = 1; nonce <= 3; ++nonce) {
      if (!send_claim(socket_, own_pid(), nonce)) ::_exit(1);
    }
    ::pause();
  });
  for (int i = 0; i < 3; ++i) observer.expect("beat");
  const std::string status = directory_.path("status.sock");
  EXPECT_TRUE(eventually([&] {
    const Json web = service_at(status);
    return web.value("beats", 0) == 3 && web.value("agents", 0) == 1;
  })) << status_at(status);
  EXPECT_EQ(service_at(status)["state"], "healthy");
  const Json shown = status_at(status)["agents"]["list"][0];
  EXPECT_EQ(shown["service"], tree_.path("/web"));
  EXPECT_EQ(shown["cgroup"], tree_.path("/web"));
  ::kill(agent.pid(), SIGKILL);
  agent.wait();
  EXPECT_TRUE(eventually([&] {
    const Json web = service_at(status);
    return web.value("stalls", 0) == 1 && web.value("agents", 1) == 0;
  })) << status_at(status);
}

}  // namespace
}  // namespace hb::test
