// A lab in a directory that goes with the test.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/units.hpp"
#include "lab/bench/lab.hpp"
#include "lab/bench/station.hpp"
#include "lab/bench/time.hpp"

namespace hb::bench {

inline constexpr std::uint64_t kPatience_ns = 10 * kNsPerSecond;

class BenchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/hb-bench-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    lab_.directory = name;
  }
  // Fails when a socket was left behind.
  void TearDown() override { EXPECT_EQ(::rmdir(lab_.directory.c_str()), 0); }

  std::unique_ptr<Station> station(Way way, const StationConfig& config = {}) {
    auto opened = Station::open(way, lab_.socket(name(way)), config);
    if (opened) return std::move(opened).value();
    ADD_FAILURE() << opened.error().message;
    return nullptr;
  }

  Lab lab_;
};

// Whether an orphan ends, of which this process has made itself the subreaper.
inline bool ends(pid_t pid) {
  const std::uint64_t deadline_ns = now_ns() + kPatience_ns;
  while (now_ns() < deadline_ns) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
    sleep_until_ns(now_ns() + kNsPerMs);
  }
  return false;
}

// Until so many beats have come, in all.
inline bool beats_come(Station& station, std::uint64_t count) {
  const std::uint64_t deadline_ns = now_ns() + kPatience_ns;
  while (station.counters().beats < count && now_ns() < deadline_ns) station.drain();
  return station.counters().beats >= count;
}

}  // namespace hb::bench
