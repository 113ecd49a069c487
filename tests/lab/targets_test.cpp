#include "lab/bench/targets.hpp"

#include <gtest/gtest.h>

#include <map>

namespace hb::bench {
namespace {

std::map<std::string, Judged> judged(const Findings& findings) {
  std::map<std::string, Judged> by_name;
  for (const Judged& one : judge(findings)) by_name.emplace(one.target.name, one);
  return by_name;
}

// The names are keys that others read.
TEST(Targets, AreTheContractedOnes) {
  std::vector<std::string> names;
  for (const Judged& one : judge({})) names.push_back(one.target.name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "observer_kernel_socket_over_procfs",
                       "observer_kernel_socket_over_raw_recvmmsg",
                       "observer_kernel_ring_over_procfs",
                       "steady_2000_socket_over_procfs",
                       "steady_2000_ring_over_procfs",
                       "throughput_ring_over_bare_sends",
                       "sender_stamped_over_plain",
                       "scale_beat_1e6_over_1e3",
                       "scale_stall_check_1e6_over_1e3",
                       "bytes_per_tracked_agent",
                       "idle_50_agents_over_raw",
                       "idle_50_agents_rss_mib",
                       "exit_to_event_p99_ms",
                       "stall_past_threshold_p99_ms",
                       "overload_killed",
                       "overload_false_stalls",
                       "overload_hung_found_thresholds",
                   }));
}

TEST(Targets, WhatWasNotMeasuredIsNeitherMetNorForgotten) {
  for (const Judged& one : judge({})) {
    EXPECT_FALSE(one.value) << one.target.name;
    EXPECT_FALSE(one.is_met()) << one.target.name;
  }
}

// The machine was three times slower in the second round: for both, so nothing is to be seen of it.
TEST(Targets, ARatioIsThatOfItsRounds) {
  Findings findings;
  for (const double slow : {1.0, 3.0, 1.0}) {
    findings.add("observer/kernel-socket", "ns/frame", 25 * slow);
    findings.add("observer/procfs", "ns/frame", 100 * slow);
  }
  EXPECT_EQ(judged(findings).at("observer_kernel_socket_over_procfs").value, 0.25);
}

TEST(Targets, OneRowAloneMakesNoRatio) {
  Findings findings;
  findings.add("observer/kernel-socket", "ns/frame", 25);
  EXPECT_FALSE(judged(findings).at("observer_kernel_socket_over_procfs").value);
}

TEST(Targets, AtTheBarIsMetAndPastItIsNot) {
  const Target at_most{"a", 0.3, 0.2};
  EXPECT_TRUE(at_most.is_met_by(0.3));
  EXPECT_FALSE(at_most.is_met_by(0.31));
  const Target at_least{"b", 0.7, 1.0, Direction::AtLeast};
  EXPECT_TRUE(at_least.is_met_by(0.7));
  EXPECT_FALSE(at_least.is_met_by(0.69));
}

TEST(Targets, MoreThroughputIsBetter) {
  Findings findings;
  findings.add("throughput/kernel-ring", "beats/s", 900);
  findings.add("throughput/bare", "beats/s", 1000);
  EXPECT_TRUE(judged(findings).at("throughput_ring_over_bare_sends").is_met());
}

// A promise about stamped sends is one about every delivery.
TEST(Targets, TheSendersIsThatOfTheWorseDelivery) {
  Findings findings;
  findings.add("sender/1/plain", "ns/send", 100);
  findings.add("sender/1/kernel-socket", "ns/send", 150);
  findings.add("sender/1/kernel-ring", "ns/send", 110);
  EXPECT_EQ(judged(findings).at("sender_stamped_over_plain").value, 1.5);
}

TEST(Targets, TailsAreTheirNinetyNinthPercentile) {
  Findings findings;
  for (int i = 1; i <= 100; ++i) findings.add_tail("exit/kernel-socket", "ms", i);
  EXPECT_EQ(judged(findings).at("exit_to_event_p99_ms").value, 99);
}

TEST(Findings, SamplesOfOneNameMakeOneRow) {
  Findings findings;
  findings.add("a", "ns", 1);
  findings.add("b", "ns", 2);
  findings.add("a", "ns", 3);
  ASSERT_EQ(findings.rows().size(), 2U);
  EXPECT_EQ(findings.samples("a"), (Samples{1, 3}));
  EXPECT_EQ(findings.samples("c"), Samples{});
}

}  // namespace
}  // namespace hb::bench
