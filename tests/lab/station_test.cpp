// Every way of attestation, by the path that is measured.
#include "lab/bench/station.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "lab/bench/connection.hpp"
#include "lab/bench/squad.hpp"
#include "tests/lab/bench_fixture.hpp"
#include "vlp/frame.hpp"

namespace hb::bench {
namespace {

class StationTest : public BenchTest, public ::testing::WithParamInterface<Way> {};

TEST_P(StationTest, EveryHonestFrameIsABeatAndNothingElseIs) {
  const auto observer = station(GetParam());
  ASSERT_NE(observer, nullptr);
  auto squad = Squad::start(lab_, 2, {observer->path()});
  ASSERT_TRUE(squad) << squad.error().message;
  for (int i = 0; i < 3; ++i) {
    const auto sent = squad.value().burst(0, 20);
    ASSERT_TRUE(sent) << sent.error().message;
    EXPECT_EQ(observer->drain(), 40U);
  }
  EXPECT_EQ(observer->counters().receptions, 120U);
}

TEST_P(StationTest, AClaimToBeSomebodyElseIsNoBeat) {
  const auto observer = station(GetParam());
  ASSERT_NE(observer, nullptr);
  const auto connection = Connection::make(observer->path());
  ASSERT_TRUE(connection) << connection.error().message;
  const auto another = static_cast<std::uint32_t>(::getpid()) + 1;
  // Ring delivery tells the sender that it was taken, too.
  EXPECT_TRUE(connection.value().offer(vlp::encode({vlp::Status::Ok, another, 1, 1, 0})));
  EXPECT_EQ(observer->drain(), 0U);
  EXPECT_EQ(observer->counters().auth_failures.sum(), 1U);
}

TEST_P(StationTest, WaitEndsWhenAFrameIsThere) {
  const auto observer = station(GetParam());
  ASSERT_NE(observer, nullptr);
  const auto connection = Connection::make(observer->path());
  ASSERT_TRUE(connection) << connection.error().message;
  const auto self = static_cast<std::uint32_t>(::getpid());
  ASSERT_TRUE(connection.value().offer(vlp::encode({vlp::Status::Ok, self, 1, 1, 0})));
  observer->wait(-1);
  EXPECT_EQ(observer->drain(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Ways, StationTest, ::testing::ValuesIn(kWays), [](const auto& way) {
  std::string word = name(way.param);
  std::erase(word, '-');
  return word;
});

using Stations = BenchTest;

TEST_F(Stations, AMaxBeatRateIsEnforced) {
  for (const Way way : {Way::KernelSocket, Way::KernelRing}) {
    StationConfig config;
    config.max_beat_rate = 1;
    const auto observer = station(way, config);
    ASSERT_NE(observer, nullptr);
    auto squad = Squad::start(lab_, 1, {observer->path()});
    ASSERT_TRUE(squad) << squad.error().message;
    const auto sent = squad.value().burst(0, 100);
    ASSERT_TRUE(sent) << sent.error().message;
    EXPECT_LT(observer->drain(), 100U) << name(way);
  }
}

}  // namespace
}  // namespace hb::bench
