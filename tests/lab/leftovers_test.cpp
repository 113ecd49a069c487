// However hb-ebpf compare ends, no process, mount, socket or file remains.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/process.hpp"

namespace hb::test {
namespace {

using namespace std::chrono_literals;

// Those that make most, each ended at another moment.
constexpr std::array kScenarios = {"exec_between",      "leader_exited",  "pid_reused_foreign",
                                   "pid_reused_native", "user_namespace", "nested_namespace",
                                   "sibling_namespace", "hidden_proc",    "io_uring",
                                   "flood_orphans",     "oci_container",  "oci_container"};
constexpr auto kBetween = 23ms;
constexpr auto kMakingAContainer = 5ms;  // some 100 ms, more under the sanitizers, in steps

std::size_t lines_with(const char* file, const std::string& part) {
  std::ifstream lines(file);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(part) != std::string::npos) ++count;
  }
  return count;
}

std::size_t mounts() {
  return lines_with("/proc/self/mountinfo", " /run ") +
         lines_with("/proc/self/mountinfo", " /proc ");
}

// Orphans of the command become children of this process, whatever namespace they are in.
class Leftovers : public ::testing::Test {
 protected:
  Leftovers() : mounts_before_(mounts()) { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

  // In the middle of comparing.
  void begin(const std::string& scenario) {
    process_.emplace(hb_ebpf({"compare", "--repeat", "100000", "--scenario", scenario}));
    name_ = "hb-compare-" + std::to_string(process_->pid());
    for (int i = 0; i < 500 && lines_with("/proc/net/unix", name_) == 0; ++i) {
      std::this_thread::sleep_for(10ms);
    }
    ASSERT_NE(lines_with("/proc/net/unix", name_), 0U) << "it has not begun";
  }

  void expect_nothing() {
    EXPECT_TRUE(all_children_end()) << "a process is left";
    EXPECT_EQ(mounts(), mounts_before_);
    EXPECT_EQ(lines_with("/proc/net/unix", name_), 0U);
    EXPECT_FALSE(std::filesystem::exists("/run/" + name_));
  }

  // The kernel needs a moment to kill what dies with its parent.
  static bool all_children_end() {
    for (int i = 0; i < 500; ++i) {
      while (::waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      if (::waitpid(-1, nullptr, WNOHANG) < 0) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  // Other tests make and remove cgroups meanwhile: a folder that is gone has nothing in it.
  [[nodiscard]] bool has_cgroup(const std::filesystem::path& below = "/sys/fs/cgroup") const {
    namespace fs = std::filesystem;
    std::error_code gone;
    for (fs::directory_iterator entry(below, gone), end; !gone && entry != end;
         entry.increment(gone)) {
      std::error_code unknown;
      if (!entry->is_directory(unknown) || entry->is_symlink(unknown)) continue;
      if (entry->path().filename() == name_ || has_cgroup(entry->path())) return true;
    }
    return false;
  }

  const std::size_t mounts_before_;
  std::optional<Process> process_;
  std::string name_;
};

TEST_F(Leftovers, NoneAfterInterrupts) {
  for (std::size_t moment = 0; moment < kScenarios.size(); ++moment) {
    SCOPED_TRACE(kScenarios[moment]);
    begin(kScenarios[moment]);
    std::this_thread::sleep_for(static_cast<int>(moment) * kBetween);
    process_->signal(moment % 2 == 0 ? SIGINT : SIGTERM);
    EXPECT_EQ(process_->wait(), 1);
    EXPECT_NE(process_->errors().find("interrupted"), std::string::npos);
    expect_nothing();
    EXPECT_FALSE(has_cgroup());
  }
}

// Once an interrupt hit a container that its runtime was still making: the runtime did not know it
// yet, so there was nothing to delete, and then it ran for as long as its agents: an hour.
TEST_F(Leftovers, NoneAfterAnInterruptWhileAContainerIsMade) {
  for (int moment = 0; moment < 24; ++moment) {
    SCOPED_TRACE(moment);
    begin("oci_container");
    std::this_thread::sleep_for(moment * kMakingAContainer);
    process_->signal(SIGTERM);
    ASSERT_EQ(process_->wait(), 1);
    expect_nothing();
    ASSERT_FALSE(has_cgroup());
  }
}

TEST_F(Leftovers, NoneAfterBeingKilled) {
  for (std::size_t moment = 0; moment < kScenarios.size(); ++moment) {
    SCOPED_TRACE(kScenarios[moment]);
    begin(kScenarios[moment]);
    std::this_thread::sleep_for(static_cast<int>(moment) * kBetween);
    process_->signal(SIGKILL);
    EXPECT_EQ(process_->wait(), 128 + SIGKILL);
    expect_nothing();
  }
}

TEST_F(Leftovers, NoneAfterAnOrdinaryEnd) {
  process_.emplace(hb_ebpf({"compare"}));
  name_ = "hb-compare-" + std::to_string(process_->pid());
  EXPECT_EQ(process_->wait(60s), 0);
  expect_nothing();
  EXPECT_FALSE(has_cgroup());
}

}  // namespace
}  // namespace hb::test
