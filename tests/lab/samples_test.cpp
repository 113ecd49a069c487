#include "lab/bench/samples.hpp"

#include <gtest/gtest.h>

namespace hb::bench {
namespace {

TEST(Samples, OfNoneNothingIsSaid) {
  EXPECT_EQ(median({}), std::nullopt);
  EXPECT_EQ(quantile({}, 0.5), std::nullopt);
}

TEST(Samples, MedianIsTheMiddleOneWhateverTheOrder) {
  EXPECT_EQ(median({7}), 7);
  EXPECT_EQ(median({9, 1, 5}), 5);
}

TEST(Samples, MedianOfAnEvenNumberLiesBetweenTheTwoInTheMiddle) {
  EXPECT_EQ(median({1, 2, 4, 100}), 3);
}

TEST(Samples, QuantilesEndAtTheSmallestAndTheGreatest) {
  const Samples samples = {3, 1, 2};
  EXPECT_EQ(quantile(samples, 0), 1);
  EXPECT_EQ(quantile(samples, 1), 3);
  EXPECT_EQ(quantile(samples, 7), 3);
}

TEST(Samples, NinetyNineOfAHundredLieAtOrBelowTheirP99) {
  Samples samples;
  for (int i = 1; i <= 100; ++i) samples.push_back(i);
  EXPECT_EQ(quantile(samples, 0.99), 99);
  EXPECT_EQ(quantile(samples, 0.5), 50);
}

TEST(Samples, P99OfFewIsTheGreatest) { EXPECT_EQ(quantile({1, 2, 50}, 0.99), 50); }

TEST(Samples, RatiosAreTakenRoundByRound) { EXPECT_EQ(ratios({10, 30}, {5, 10}), (Samples{2, 3})); }

TEST(Samples, ARoundThatOnlyOneSideHasIsLeftOut) {
  EXPECT_EQ(ratios({10, 30, 7}, {5}), (Samples{2}));
  EXPECT_EQ(ratios({}, {5}), Samples{});
}

TEST(Samples, ARoundThatDividesByNothingIsLeftOut) {
  EXPECT_EQ(ratios({10, 30}, {0, 10}), (Samples{3}));
}

}  // namespace
}  // namespace hb::bench
