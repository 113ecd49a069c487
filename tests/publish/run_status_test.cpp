// The status socket of a running observer.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/publish/http_client.hpp"
#include "tests/support/eventually.hpp"

namespace hb::test {
namespace {

using RunStatus = RunPublish;

Fd listen_unix(const std::string& path) {
  const auto address = unix_address(path);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const bool listens = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                              sizeof(sockaddr_un)) == 0 &&
                       ::listen(socket.get(), 8) == 0;
  return listens ? std::move(socket) : Fd();
}

mode_t mode_of(const std::string& path) {
  struct stat seen {};
  ::stat(path.c_str(), &seen);
  return seen.st_mode & 0777;
}

TEST_F(RunStatus, IsBesideTheSocket) {
  ObserverProcess observer = observe({"--threshold-ms", "600000"});
  EXPECT_EQ(mode_of(status_), 0600U);
  ASSERT_TRUE(send_claim(socket_, own_pid(), 7));
  observer.expect("beat");
  Json status;
  ASSERT_TRUE(eventually([&] {
    status = status_at(status_);
    return status["agents"]["total"] == 1 && status["agents"]["shown"] == 1;
  })) << status;
  EXPECT_EQ(status["version"], 1);
  EXPECT_EQ(status["run"], observer.ready()["run"]);
  EXPECT_EQ(status["pid"], observer.ready()["pid"]);
  EXPECT_EQ(status["socket"], socket_);
  EXPECT_EQ(status["attest"], "procfs");
  EXPECT_EQ(status["counters"]["beats_total"], 1);
  EXPECT_EQ(status["losses"], Json::array());
  const Json& agent = status["agents"]["list"][0];
  EXPECT_EQ(agent["pid"], own_pid());
  EXPECT_EQ(agent["state"], "alive");
  EXPECT_EQ(agent["nonce"], 7);
  EXPECT_EQ(agent["stalls"], 0);
  EXPECT_EQ(agent["threshold_ns"], 600'000'000'000);
  EXPECT_EQ(agent["origin"], "socket_mode_only");
  observer.stop();
  EXPECT_TRUE(left_nothing());
}

TEST_F(RunStatus, CountersAreThoseOfTheLastLine) {
  ObserverProcess observer = observe();
  const Json counters = status_at(status_)["counters"];
  const Json last = observer.stop();
  for (const auto& [name, value] : last.items()) EXPECT_TRUE(counters.contains(name)) << name;
  EXPECT_EQ(counters.size(), last.size());
}

TEST_F(RunStatus, ShowsWhoIsSilent) {
  ObserverProcess observer = observe({"--threshold-ms", "50"});
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  observer.expect("stall");
  EXPECT_TRUE(eventually([&] {
    const Json agents = status_at(status_)["agents"]["list"];
    return agents.size() == 1 && agents[0]["state"] == "silent" && agents[0]["stalls"] == 1;
  }));
}

TEST_F(RunStatus, IsElsewhereOrNowhereIfAsked) {
  const std::string elsewhere = directory_.path("elsewhere");
  {
    ObserverProcess observer =
        observe({"--status-socket", elsewhere, "--status-socket-mode", "0666"});
    EXPECT_EQ(mode_of(elsewhere), 0666U);
    EXPECT_EQ(status_at(elsewhere)["version"], 1);
    EXPECT_FALSE(std::filesystem::exists(status_));
  }
  for (const std::string nowhere : {"none", ""}) {
    ObserverProcess observer = observe({"--status-socket", nowhere});
    EXPECT_FALSE(std::filesystem::exists(status_));
    observer.stop();
  }
}

TEST_F(RunStatus, ReplacesOneThatIsStale) {
  {
    ObserverProcess observer = observe();
    observer.process().signal(SIGKILL);
    observer.process().wait();
  }
  ASSERT_TRUE(std::filesystem::exists(status_));
  ASSERT_TRUE(eventually([&] { return !connect_unix(status_); }));
  ObserverProcess observer = observe();
  EXPECT_EQ(status_at(status_)["run"], observer.ready()["run"]);
}

TEST_F(RunStatus, NeverReplacesOneThatIsAlive) {
  ObserverProcess observer = observe();
  const std::string other = directory_.path("other.sock");
  Process second(
      hb_ebpf({"run", "--socket", other, "--attest", "procfs", "--status-socket", status_}));
  EXPECT_EQ(second.wait(), 1);
  EXPECT_NE(second.errors().find("--status-socket"), std::string::npos);
  EXPECT_EQ(status_at(status_)["run"], observer.ready()["run"]);
}

// At the usual place it is not worth a failure.
TEST_F(RunStatus, IsDoneWithoutWhereAnotherObserverHasIt) {
  ObserverProcess observer = observe();
  ObserverProcess second(directory_.path("other.sock"), {"--attest", "procfs"});
  second.expect_logged("there is no status socket");
  EXPECT_EQ(status_at(status_)["run"], observer.ready()["run"]);
}

TEST_F(RunStatus, IsBoundAgainWhereItsPathIsLost) {
  ObserverProcess observer = observe({"--threshold-ms", "600000"});
  std::filesystem::remove(status_);
  observer.expect_logged("the status socket had lost its path; a new one is bound");
  Json status;
  EXPECT_TRUE(eventually([&] { return (status = status_at(status_))["version"] == 1; })) << status;
  EXPECT_EQ(status["run"], observer.ready()["run"]);
  EXPECT_EQ(mode_of(status_), 0600U);
  observer.stop();
  EXPECT_TRUE(left_nothing());
}

TEST_F(RunStatus, IsBoundAgainInANewDirectory) {
  const std::string folder = directory_.path("status");
  const std::string path = folder + "/status.sock";
  ObserverProcess observer = observe(
      {"--threshold-ms", "600000", "--status-socket", path, "--status-socket-mode", "0644"});
  std::filesystem::rename(folder, directory_.path("former"));
  EXPECT_TRUE(eventually([&] { return status_at(path)["version"] == 1; }));
  EXPECT_EQ(mode_of(path), 0644U);
  observer.stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(RunStatus, WaitsForALiveSocketThatHasTakenItsPath) {
  ObserverProcess observer = observe({"--threshold-ms", "600000"});
  {
    const Fd other = listen_unix(directory_.path("other.sock"));
    ASSERT_TRUE(other);
    std::filesystem::rename(directory_.path("other.sock"), status_);
    observer.expect_logged("no new one can be bound: a live process receives at");
    EXPECT_TRUE(connect_unix(status_));
  }
  EXPECT_TRUE(eventually([&] { return status_at(status_)["version"] == 1; }));
}

TEST_F(RunStatus, LeavesAFileAlone) {
  std::ofstream(status_) << "mine";
  ObserverProcess observer = observe();
  observer.expect_logged("is not a socket");
  observer.stop();
  EXPECT_TRUE(std::filesystem::is_regular_file(status_));
}

TEST_F(RunStatus, ReadersThatHangCostNobodyElse) {
  ObserverProcess observer = observe({"--threshold-ms", "600000"});
  std::vector<Fd> hanging;
  for (int i = 0; i < 100; ++i) hanging.push_back(connect_unix(status_));
  EXPECT_EQ(status_at(status_)["version"], 1);
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
}

TEST_F(RunStatus, IsServedWhenTheLoopIsNot) {
  ObserverProcess observer = observe({"--self-watchdog-ms", "3000"});
  observer.process().signal(SIGSTOP);
  EXPECT_TRUE(eventually([&] { return status_at(status_)["healthy"] == false; }));
  EXPECT_FALSE(status_at(status_)["reasons"].empty());
  observer.process().signal(SIGCONT);
}

}  // namespace
}  // namespace hb::test
