// When a loss is told, and how much of it.
#include "report/loss_report.hpp"

#include <gtest/gtest.h>

namespace hb::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStart = 5 * kSecond;

class Losses : public ::testing::Test {
 protected:
  // What is told at `second` after the start, when so many frames were lost to a full ring.
  std::vector<Loss> at(std::uint64_t second, std::uint64_t ring_full) {
    return report_.look({{"stamps_dropped_total", "ring_full", ring_full}},
                        kStart + second * kSecond);
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
  const auto told = report_.look({{"stamps_dropped_total", "ring_full", 1},
                                  {"stamps_dropped_total", "rate_limited", 2},
                                  {"tracker_full_total", "", 9},
                                  {"beats_total", "", 9},
                                  {"udp_receive_buffer_drops_total", "", 3},
                                  {"events_lost_total", "", 4}},
                                 kStart + 1);
  ASSERT_EQ(told.size(), 4U);
  EXPECT_EQ(told[0].reason, "ring_full");
  EXPECT_EQ(told[1].reason, "rate_limited");
  EXPECT_EQ(told[2].reason, "udp_receive_buffer");
  EXPECT_EQ(told[2].count, 3U);
  EXPECT_EQ(told[3].reason, "stdout");
}

TEST_F(Losses, OfOneReasonAreAddedUp) {
  const auto told = report_.look(
      {{"frames_dropped_total", "wrong_length", 1}, {"stamps_dropped_total", "wrong_length", 2}},
      kStart + 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 3U);
}

TEST_F(Losses, AreToldAtTheEndHoweverSoon) {
  at(1, 7);
  EXPECT_TRUE(at(2, 9).empty());
  const Totals totals{{"stamps_dropped_total", "ring_full", 10}};
  const auto told = report_.finish(totals, kStart + 3 * kSecond);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 3U);
  EXPECT_EQ(told[0].total, 10U);
  EXPECT_TRUE(report_.finish(totals, kStart + 4 * kSecond).empty()) << "that was all";
}

}  // namespace
}  // namespace hb::test
