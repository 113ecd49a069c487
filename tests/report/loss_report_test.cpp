// When a loss is told, and how much of it.
#include "report/loss_report.hpp"

#include <gtest/gtest.h>

#include <array>

namespace hb::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStart = 5 * kSecond;

constexpr std::array<LabelValue, 3> kReasons = {{{"ring_full", "datagrams without room"},
                                                 {"rate_limited", "datagrams beyond the rate"},
                                                 {"counted_elsewhere"}}};
constexpr Metric kStamps{"stamps_dropped_total", "datagrams", "no stamps", "reason", kReasons};
constexpr Metric kFrames{"frames_dropped_total", "frames", "no events", "reason", kReasons};
constexpr Metric kBeats{"beats_total", "beats", "no loss"};
constexpr Metric kBuffer{
    .name = "buffer_drops_total", .unit = "datagrams", .help = "too late", .loss = "buffer"};
constexpr Metric kUnheard{.name = "unheard_total",
                          .unit = "times",
                          .help = "not heard",
                          .label = "reason",
                          .values = kReasons,
                          .loss = "unheard"};

class Losses : public ::testing::Test {
 protected:
  // What is told at `second` after the start, when so many frames were lost to a full ring.
  std::vector<Loss> at(std::uint64_t second, std::uint64_t ring_full) {
    return report_.look({{&kStamps, &kReasons[0], ring_full}}, kStart + second * kSecond);
  }

  LossReport report_{kStart};
};

TEST_F(Losses, AreToldAtOnce) {
  EXPECT_TRUE(at(1, 0).empty());
  const auto told = at(2, 7);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].reason, "ring_full");
  EXPECT_EQ(told[0].count, 7U);
  EXPECT_EQ(told[0].total, 7U);
  EXPECT_EQ(told[0].since_ns, 1 * kSecond) << "at that look there was none";
  EXPECT_EQ(told[0].observer_ns, 2 * kSecond);
}

// A successor tells what was lost meanwhile, and not what was told.
TEST(LossesOfTwoLives, AreToldOnce) {
  LossReport::Kept kept{};
  const auto look = [&](LossReport& report, std::uint64_t ring_full, std::uint64_t late) {
    return report.look({{&kStamps, &kReasons[0], ring_full}, {&kBuffer, nullptr, late}}, kStart);
  };
  {
    LossReport first(kStart, &kept);
    EXPECT_EQ(look(first, 7, 2).size(), 2U);
  }
  LossReport second(kStart, &kept);
  const auto told = look(second, 9, 2);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 2U);
  EXPECT_EQ(told[0].total, 9U);
}

// Not every counter outlives the process.
TEST(LossesOfTwoLives, WhoseCounterHasBegunAnewAreToldAsNew) {
  LossReport::Kept kept{};
  LossReport first(kStart, &kept);
  EXPECT_EQ(first.look({{&kBuffer, nullptr, 5}}, kStart).size(), 1U);
  LossReport second(kStart, &kept);
  EXPECT_TRUE(second.look({{&kBuffer, nullptr, 0}}, kStart).empty());
  const auto told = second.look({{&kBuffer, nullptr, 3}}, kStart + 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 3U);
}

TEST_F(Losses, AreToldAtTheFirstLook) {
  const auto told = at(1, 7);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].since_ns, 0U);
}

TEST_F(Losses, AreNotToldTwice) {
  EXPECT_EQ(at(1, 7).size(), 1U);
  for (std::uint64_t second = 2; second < 300; ++second) EXPECT_TRUE(at(second, 7).empty());
}

TEST_F(Losses, ThatGoOnAreToldOnceAMinute) {
  std::uint64_t told = 0;
  int notices = 0;
  for (std::uint64_t second = 1; second <= 181; ++second) {
    for (const Loss& loss : at(second, 10 * second)) {
      ++notices;
      told += loss.count;
      EXPECT_EQ(loss.total, told);
    }
  }
  EXPECT_EQ(notices, 4) << "after 1, 61, 121 and 181 seconds";
  EXPECT_EQ(told, 1810U) << "nothing is left out, nothing twice";
}

TEST_F(Losses, ThatCeasedAreToldWhenTheMinuteIsOver) {
  at(1, 7);
  EXPECT_TRUE(at(2, 9).empty());
  EXPECT_TRUE(at(60, 9).empty());
  const auto told = at(61, 9);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 2U);
  EXPECT_EQ(told[0].since_ns, 1 * kSecond);
}

TEST_F(Losses, AfterALongPauseAreToldAtOnce) {
  at(1, 7);
  at(500, 7);
  const auto told = at(501, 8);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 1U);
  EXPECT_EQ(told[0].since_ns, 500 * kSecond) << "not since the last notice";
}

TEST_F(Losses, OfDifferentReasonsAreToldApart) {
  const auto told = report_.look({{&kStamps, &kReasons[0], 1},
                                  {&kStamps, &kReasons[1], 2},
                                  {&kStamps, &kReasons[2], 9},
                                  {&kBeats, nullptr, 9},
                                  {&kBuffer, nullptr, 3}},
                                 kStart + 1);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0].reason, "ring_full");
  EXPECT_EQ(told[0].what, "datagrams without room");
  EXPECT_EQ(told[1].reason, "rate_limited");
  EXPECT_EQ(told[2].reason, "buffer");
  EXPECT_EQ(told[2].what, "too late") << "the metric's help";
  EXPECT_EQ(told[2].count, 3U);
}

TEST_F(Losses, OfOneReasonAreAddedUp) {
  const auto told =
      report_.look({{&kFrames, &kReasons[0], 1}, {&kStamps, &kReasons[0], 2}}, kStart + 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 3U);
}

TEST_F(Losses, OfAMetricThatIsOneReasonAreAddedUpOverItsLabel) {
  const auto told =
      report_.look({{&kUnheard, &kReasons[0], 1}, {&kUnheard, &kReasons[2], 2}}, kStart + 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].reason, "unheard");
  EXPECT_EQ(told[0].count, 3U);
}

// Another counter has it already.
TEST_F(Losses, OfAFrameWithoutRoomInTheRingAreNotToldTwice) {
  Counters counters;
  counters.frames_dropped[FrameDrop::RingFull] = 1;
  counters.frames_dropped[FrameDrop::TrackerFull] = 2;
  Totals totals;
  append_totals(totals, counters);
  const auto told = report_.look(totals, kStart + 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].reason, "tracker_full");
  EXPECT_EQ(told[0].count, 2U) << "tracker_full_total is the same number";
}

TEST_F(Losses, AreToldAtTheEndHoweverSoon) {
  at(1, 7);
  EXPECT_TRUE(at(2, 9).empty());
  const Totals totals{{&kStamps, &kReasons[0], 10}};
  const auto told = report_.finish(totals, kStart + 3 * kSecond);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 3U);
  EXPECT_EQ(told[0].total, 10U);
  EXPECT_TRUE(report_.finish(totals, kStart + 4 * kSecond).empty()) << "that was all";
}

}  // namespace
}  // namespace hb::test
