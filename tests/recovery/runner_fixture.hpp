// Runner: a test with a CommandRunner, driven as the loop does it.
#pragma once

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "base/units.hpp"
#include "observer/clock.hpp"
#include "observer/source.hpp"
#include "procfs/oom_score.hpp"
#include "recovery/command_runner.hpp"
#include "tests/recovery/stalls.hpp"
#include "tests/support/child.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/proc_status.hpp"
#include "tests/support/process.hpp"

namespace hb::test {

using std::chrono::milliseconds;
using Words = std::vector<std::string>;

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

inline bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

inline bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0; }

class Runner : public testing::Test {
 protected:
  Runner() { restart({}); }
  ~Runner() override {
    runner_.reset();
    EXPECT_EQ(open_descriptors(), descriptors_) << "a descriptor has leaked";
    EXPECT_FALSE(has_children()) << "a child was not reaped";
  }

  void restart(const CommandRunner::Config& config) {
    runner_ = CommandRunner::open(config).value();
  }

  Result<pid_t> start(const Words& argv, std::uint32_t agent = 7) {
    return runner_->start(argv, {"PATH=/usr/bin:/bin", "A=b"}, stall_of(agent), clock_.now_ns());
  }
  pid_t shell(const std::string& script, std::uint32_t agent = 7) {
    const auto started = start({"/bin/sh", "-c", script}, agent);
    EXPECT_TRUE(started) << started.error().message;
    return started ? started.value() : -1;
  }

  // As the loop does it.
  std::optional<EndedCommand> wait(milliseconds patience = kPatience) {
    const std::uint64_t until =
        clock_.now_ns() + static_cast<std::uint64_t>(patience.count()) * kNsPerMs;
    for (;;) {
      const std::uint64_t now = clock_.now_ns();
      runner_->look(now);
      if (auto ended = runner_->take()) return ended;
      if (now >= until) return std::nullopt;
      const std::uint64_t wake = std::min(std::max(runner_->wake_ns(), now), until);
      pollfd polled{runner_->fd(), POLLIN, 0};
      ::poll(&polled, 1, static_cast<int>((wake - now) / kNsPerMs) + 1);
    }
  }
  EndedCommand end_of(const std::string& script) {
    shell(script);
    auto ended = wait();
    EXPECT_TRUE(ended) << script;
    return ended.value_or(EndedCommand{});
  }

  const std::size_t descriptors_ = open_descriptors();
  MonotonicClock clock_;
  std::unique_ptr<CommandRunner> runner_;
  TemporaryDirectory directory_;
};

}  // namespace hb::test
