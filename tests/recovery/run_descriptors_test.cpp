// RLIMIT_NOFILE: raised for the observer, not for its commands; and what happens where it is low.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/recovery/descriptor_limits.hpp"
#include "tests/recovery/paced_agent.hpp"
#include "tests/recovery/run_recovery_fixture.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

class RunDescriptors : public RunRecovery {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    RunRecovery::SetUp();
  }

  // "Max open files            1024                 20000                files"
  static std::string limits_of(pid_t pid) {
    std::istringstream words(line_of("/proc/" + std::to_string(pid) + "/limits", "Max open files"));
    std::string soft;
    std::string hard;
    words >> soft >> hard;
    return soft + " " + hard;
  }

 private:
  static std::string line_of(const std::string& path, const std::string& key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(key)) return line.substr(key.size());
    }
    return {};
  }
};

TEST_F(RunDescriptors, AreAllowedToTheObserverAndNotToItsCommands) {
  const DescriptorLimits limits(200);
  const std::string hard = std::to_string(limits.before().rlim_max);
  ObserverProcess observer =
      observe_with(note("$(ulimit -Sn) $(ulimit -Hn)") +
                   Argv{"--recovery-require-same-uid", "--tracker-capacity", "1000",
                        "--recovery-startup-grace-ms", "0", "--recovery-settle-ms", "1"});
  EXPECT_EQ(limits_of(observer.process().pid()), "1192 " + hard);
  Process agent = this->agent();
  let_it_beat(observer, agent);
  agent.signal(SIGKILL);
  ASSERT_TRUE(noted());
  EXPECT_EQ(notes(), "200 " + hard + "\n");
  end_after_stall(observer);
}

// Without recovery there are no agents to hold on to.
TEST_F(RunDescriptors, AreNoMoreThanAreNeeded) {
  const DescriptorLimits limits(64);
  ObserverProcess observer = observe();
  EXPECT_TRUE(limits_of(observer.process().pid()).starts_with("192 "));
  observer.stop();
  EXPECT_EQ(observer.process().errors().find("RLIMIT_NOFILE"), std::string::npos);
}

TEST_F(RunDescriptors, AreSaidToBeFew) {
  const DescriptorLimits limits(100, 100);
  ObserverProcess observer = observe();
  observer.expect_logged(
      "100 descriptors (RLIMIT_NOFILE) are allowed where 192 may be needed: "
      "allow for them (LimitNOFILE=");
  observer.stop();
}

// Pidfds take all that there are.
TEST_F(RunDescriptors, AreLeftToOpenFilesAgain) {
  const std::string exported = directory_.path("events.tsv");
  const DescriptorLimits limits(64, 64);
  ObserverProcess observer = observe_with(
      {"--recovery-signal", "KILL", "--export-file", exported, "--socket-mode", "0666"}, "60000");
  std::vector<std::unique_ptr<PacedAgent>> agents;
  for (int i = 0; i < 24; ++i) {
    agents.push_back(std::make_unique<PacedAgent>(socket_, 0));
    agents.back()->beat_to(observer);
  }
  observer.expect_logged("an agent that stalls could not be recovered");
  std::filesystem::rename(exported, exported + ".1");
  observer.process().signal(SIGHUP);
  observer.expect_logged("--export-file: SIGHUP: opened");
  std::filesystem::rename(exported, exported + ".2");
  observer.process().signal(SIGHUP);
  observer.expect_logged("--export-file: SIGHUP: opened");
  EXPECT_TRUE(std::filesystem::exists(exported));
  agents.clear();
  observer.process().signal(SIGTERM);
  EXPECT_EQ(observer.process().wait(), 0);
}

}  // namespace
}  // namespace hb::test
