// Every number that is counted has a description, and every counter is among the numbers.
#include "daemon/metrics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <set>
#include <string>

#include "daemon/recovery_member.hpp"
#include "intake/stamp_totals.hpp"
#include "report/totals.hpp"

namespace hb::test {
namespace {

// Each 64-bit word of it another number, from 1.
template <typename T>
T numbered() {
  static_assert(sizeof(T) % sizeof(std::uint64_t) == 0);
  std::array<std::uint64_t, sizeof(T) / sizeof(std::uint64_t)> words{};
  std::iota(words.begin(), words.end(), 1);
  return std::bit_cast<T>(words);
}

template <typename T>
void expect_every_word_in(const Totals& totals) {
  std::set<std::uint64_t> seen;
  for (const Total& total : totals) seen.insert(total.value);
  for (std::uint64_t word = 1; word <= sizeof(T) / sizeof(std::uint64_t); ++word) {
    EXPECT_TRUE(seen.contains(word)) << "the counter number " << word << " is in no total";
  }
}

void expect_described(const Totals& totals) {
  for (const Total& total : totals) {
    const Metric& metric = *total.metric;
    const auto all = daemon::all_metrics();
    EXPECT_NE(std::find(all.begin(), all.end(), &metric), all.end()) << metric.name;
    EXPECT_EQ(total.label == nullptr, metric.values.empty()) << metric.name;
    if (total.label == nullptr) continue;
    const auto is_its_label = [&](const LabelValue& known) {
      return known.name == total.label->name;
    };
    EXPECT_TRUE(std::any_of(metric.values.begin(), metric.values.end(), is_its_label))
        << metric.name << " " << total.label->name;
  }
}

TEST(Metrics, AreDescribed) {
  std::set<std::string_view> names;
  for (const Metric* metric : daemon::all_metrics()) {
    EXPECT_TRUE(names.insert(metric->name).second) << metric->name << " is there twice";
    EXPECT_FALSE(metric->name.empty() || metric->unit.empty() || metric->help.empty())
        << metric->name;
    EXPECT_NE(metric->help.back(), '.') << metric->name;
    EXPECT_EQ(metric->label.empty(), metric->values.empty()) << metric->name;
  }
}

TEST(Metrics, HaveLabelsWithNamesOfTheirOwn) {
  for (const Metric* metric : daemon::all_metrics()) {
    std::set<std::string_view> names;
    for (const LabelValue& value : metric->values) {
      EXPECT_FALSE(value.name.empty()) << metric->name;
      EXPECT_TRUE(names.insert(value.name).second) << metric->name << " " << value.name;
    }
  }
}

// One reason would stand for two losses.
TEST(Metrics, OfALossHaveAReasonOfTheirOwn) {
  std::set<std::string_view> reasons;
  for (const Metric* metric : daemon::all_metrics()) {
    if (metric->loss.empty()) continue;
    EXPECT_TRUE(reasons.insert(metric->loss).second) << metric->loss;
  }
}

// FrameDrop::RingFull alone is told as another metric's.
TEST(Metrics, OfDropsHaveWordsForALoss) {
  for (const LabelValue& reason : kernel::kDropReasons) EXPECT_FALSE(reason.lost.empty());
  for (const FrameDrop reason : kEnumValues<FrameDrop>) {
    EXPECT_EQ(what_is_lost(reason).empty(), reason == FrameDrop::RingFull) << name(reason);
  }
}

TEST(Metrics, HaveEveryCounterOfTheObserver) {
  Totals totals;
  append_totals(totals, numbered<Counters>());
  expect_described(totals);
  expect_every_word_in<Counters>(totals);
}

TEST(Metrics, HaveEveryCounterOfRecovery) {
  Totals totals;
  daemon::append_totals(totals, numbered<RecoveryCounters>());
  expect_described(totals);
  expect_every_word_in<RecoveryCounters>(totals);
}

TEST(Metrics, HaveEveryReasonOfTheKernelProgram) {
  kernel::StampCounters counters{};
  for (std::uint64_t reason = 0; reason < HB_DROP_REASONS; ++reason) {
    counters.kernel.drops[reason] = reason + 1;
  }
  Totals totals;
  intake::append_totals(totals, counters);
  expect_described(totals);
  std::uint64_t dropped = 0;
  for (const Total& total : totals) {
    if (total.metric != &kernel::StampCounters::kDropped) continue;
    EXPECT_EQ(total.value, ++dropped);
  }
  EXPECT_EQ(dropped, std::uint64_t{HB_DROP_REASONS});
}

}  // namespace
}  // namespace hb::test
