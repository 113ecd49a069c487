// A keeper between a service manager and the real observer.
#include <sys/socket.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/keep/keeper_fixture.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/notify_server.hpp"

namespace hb::test {
namespace {

// The keeper's own NOTIFY_SOCKET, while it starts.
class ServiceManager {
 public:
  explicit ServiceManager(const std::string& path) : socket_(notify_server(path)) {
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~ServiceManager() { ::unsetenv("NOTIFY_SOCKET"); }

  // All that was told; after the end of the keeper.
  std::string all() {
    std::string told;
    std::array<char, 4096> text{};
    for (;;) {
      const ssize_t bytes = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
      if (bytes < 0) return told;
      told.append(text.data(), static_cast<std::size_t>(bytes));
    }
  }

 private:
  Fd socket_;
};

TEST_F(Keeping, TheServiceManagerIsToldWhatTheProgramTells) {
  ServiceManager manager(directory_.path("notify"));
  keep({}, {"put", "a", "1", "say", "READY=1\nSTATUS=well\nMAINPID=1", "say", "STOPPING=1", "exit",
            "7", "then", "exit", "0"});
  EXPECT_EQ(keeper_->wait(), 0);
  EXPECT_EQ(manager.all(), "READY=1\nSTATUS=well\nSTOPPING=1\n");
}

class KeepingTheObserver : public Keeping {
 protected:
  void observe(const Argv& more = {}) { observe_with(hb_ebpf({}).front(), more); }

  void observe_with(const std::string& program, const Argv& more = {}) {
    Argv argv{"keep", "--restart-delay-ms", "1", "--"};
    const Argv run = {program,    "run",  "--attest", "procfs",
                      "--events", "json", "--socket", directory_.path("hb.sock")};
    argv.insert(argv.end(), run.begin(), run.end());
    argv.insert(argv.end(), more.begin(), more.end());
    keeper_ = std::make_unique<Process>(hb_ebpf(argv));
  }

  // The pid in the next line of that event.
  pid_t next_pid(const std::string& event) {
    while (const auto line = keeper_->next_line()) {
      const auto told = nlohmann::json::parse(*line);
      if (told.value("event", "") == event) return told.value("pid", 0);
    }
    return -1;
  }
};

TEST_F(KeepingTheObserver, AKilledOneIsFollowedByAnother) {
  observe();
  const pid_t first = next_pid("ready");
  ASSERT_GT(first, 0);
  ::kill(first, SIGKILL);
  const pid_t second = next_pid("ready");
  EXPECT_GT(second, 0);
  EXPECT_NE(second, first);
  keeper_->signal(SIGTERM);
  EXPECT_EQ(next_pid("stopped"), 0);
  EXPECT_EQ(keeper_->wait(), 0);
}

TEST_F(KeepingTheObserver, OneWhoseUpgradeFailsIsThereAgainUnderItsName) {
  const std::string program = directory_.path("hb-ebpf");
  std::filesystem::copy_file(hb_ebpf({}).front(), program);
  observe_with(program);
  ASSERT_GT(next_pid("ready"), 0);
  std::filesystem::remove(program);
  std::ofstream(program) << "#!/bin/sh\nexit 1\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  keeper_->signal(SIGHUP);
  const pid_t again = next_pid("ready");
  ASSERT_GT(again, 0);
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(again) + "/comm") >> std::ws, name);
  EXPECT_EQ(name, "hb-ebpf");
  keeper_->signal(SIGTERM);
  EXPECT_EQ(keeper_->wait(), 0);
}

// Becoming another user takes the signal away that comes at the parent's end.
TEST_F(KeepingTheObserver, ItEndsWithTheKeeperAlsoAsAnotherUser) {
  HB_NEEDS_ROOT();
  observe({"--user", "nobody"});
  ASSERT_GT(next_pid("ready"), 0);
  keeper_->signal(SIGKILL);
  EXPECT_EQ(next_pid("stopped"), 0);
}

}  // namespace
}  // namespace hb::test
