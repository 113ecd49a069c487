// What follows from the options that are given.
#include <gtest/gtest.h>

#include "daemon/config.hpp"

namespace hb::daemon {
namespace {

class DrainInterval : public testing::Test {
 protected:
  DrainInterval() { config_.threshold_ms = 4000; }

  std::uint64_t ms() const { return config_.kernel_config().drain_interval_ns / kNsPerMs; }

  RunConfig config_;
};

TEST_F(DrainInterval, IsShortWhereEveryBeatIsShown) {
  config_.events = EventFormat::Json;
  EXPECT_EQ(ms(), 5U);
}

TEST_F(DrainInterval, IsLongerWhereChangesAreShown) {
  EXPECT_EQ(ms(), 100U);
  config_.events = EventFormat::Json;
  config_.beats = BeatsShown::Changes;
  EXPECT_EQ(ms(), 100U);
}

TEST_F(DrainInterval, IsLongestWhereNobodyIsToldOfBeats) {
  config_.beats = BeatsShown::None;
  EXPECT_EQ(ms(), 500U);
  config_.events = EventFormat::None;
  config_.beats = BeatsShown::All;
  EXPECT_EQ(ms(), 500U);
}

TEST_F(DrainInterval, IsNotLongestForAnExportFileOrRecovery) {
  config_.events = EventFormat::None;
  config_.export_file = "/tmp/beats.tsv";
  EXPECT_EQ(ms(), 100U);
  config_.export_file.reset();
  config_.recovery.signal = 9;
  EXPECT_EQ(ms(), 100U);
}

TEST_F(DrainInterval, IsAtMostAQuarterOfTheShortestThreshold) {
  config_.beats = BeatsShown::None;
  config_.threshold_ms = 1000;
  EXPECT_EQ(ms(), 250U);
  config_.threshold_ms = 1;
  EXPECT_EQ(ms(), 1U);
}

TEST_F(DrainInterval, IsWhatTheOptionSays) {
  config_.drain_interval_ms = 7;
  EXPECT_EQ(ms(), 7U);
}

}  // namespace
}  // namespace hb::daemon
