#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lab/bench/report.hpp"

namespace hb::bench {
namespace {

using Json = nlohmann::json;

Report made_up() {
  Report report;
  report.host = {"6.1.0-test", "A CPU \"of\" ours", 2, "2026-01-02T03:04:05Z",
                 "0.1.0",      "abc-dirty"};
  for (const double sample : {30.0, 10.0, 20.0}) {
    report.findings.add("observer/kernel-socket", "ns/frame", sample);
    report.findings.add("observer/procfs", "ns/frame", 100);
  }
  report.findings.note("observer/procfs", "a note");
  report.findings.add_tail("exit/kernel-ring", "ms", 40);
  report.findings.missing("exit/kernel-socket", "no eyes for it");
  report.targets = judge(report.findings);
  return report;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(JsonReport, SaysWhereItWasMeasured) {
  const Json host = Json::parse(as_json(made_up()))["host"];
  EXPECT_EQ(host["kernel"], "6.1.0-test");
  EXPECT_EQ(host["cpu"], "A CPU \"of\" ours");
  EXPECT_EQ(host["cores"], 2);
  EXPECT_EQ(host["revision"], "abc-dirty");
}

TEST(JsonReport, HasARowWithItsSpread) {
  const Json row = Json::parse(as_json(made_up()))["results"][0];
  EXPECT_EQ(row, Json::parse(R"({"name":"observer/kernel-socket","unit":"ns/frame","median":20.0,
                                 "min":10.0,"max":30.0,"samples":3})"));
}

TEST(JsonReport, HasEveryTargetMeasuredOrNot) {
  const Json targets = Json::parse(as_json(made_up()))["targets"];
  EXPECT_EQ(targets.size(), judge({}).size());
  EXPECT_EQ(targets["observer_kernel_socket_over_procfs"],
            Json::parse(R"({"value":0.2,"bar":0.3,"wish":0.22,"met":true})"));
  EXPECT_EQ(targets["exit_to_event_p99_ms"]["met"], false);
  EXPECT_EQ(targets["idle_50_agents_rss_mib"],
            Json::parse(R"({"value":null,"bar":16.0,"wish":null,"met":null})"));
}

TEST(JsonReport, SaysWhatIsMissingAndWhatFailed) {
  Report report = made_up();
  report.findings.failed("idle", "it broke");
  const Json json = Json::parse(as_json(report));
  EXPECT_EQ(json["missing"]["exit/kernel-socket"], "no eyes for it");
  EXPECT_EQ(json["failed"]["idle"], "it broke");
}

TEST(TextReport, TellsMetFromMissedFromNotMeasured) {
  const std::string text = as_text(made_up(), false);
  const auto line_with = [&](const std::string& word) {
    const std::size_t at = text.find(word);
    return text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_TRUE(contains(line_with("observer_kernel_socket_over_procfs"), "  met"));
  EXPECT_TRUE(contains(line_with("exit_to_event_p99_ms"), "missed"));
  EXPECT_TRUE(contains(line_with("bytes_per_tracked_agent"), "not measured"));
  EXPECT_TRUE(contains(text, "no eyes for it"));
  EXPECT_TRUE(contains(text, "a note"));
}

TEST(TextReport, HasColourOnlyWhenAskedFor) {
  EXPECT_FALSE(contains(as_text(made_up(), false), "\x1b"));
  EXPECT_TRUE(contains(as_text(made_up(), true), "\x1b[32mmet"));
}

TEST(PlotScript, HasAPanelForEachMeasurementAndUnit) {
  const std::string script = as_plot_script(made_up());
  EXPECT_TRUE(contains(script, "set title \"observer\"\nset ylabel \"ns/frame\""));
  EXPECT_TRUE(contains(script, "set title \"exit\"\nset ylabel \"ms\""));
  EXPECT_TRUE(contains(script, "\"kernel-socket\" 20 10 30\n"));
}

// The name of a CPU must not become a command of gnuplot.
TEST(PlotScript, TextStaysText) {
  Report report = made_up();
  report.host.cpu = "x\"\nsystem('reboot')\\";
  const std::string script = as_plot_script(report);
  EXPECT_FALSE(contains(script, "\nsystem"));
  EXPECT_TRUE(contains(script, "x  system('reboot') \""));
}

TEST(PlotScript, WhatSpansOrdersOfMagnitudeIsLogarithmic) {
  Report report;
  report.findings.add("scale/a", "ns", 1);
  EXPECT_FALSE(contains(as_plot_script(report), "\nset logscale y"));
  report.findings.add("scale/b", "ns", 1000);
  EXPECT_TRUE(contains(as_plot_script(report), "\nset logscale y"));
}

// gnuplot has no scale of its own for nothing at all, and says so.
TEST(PlotScript, NothingButZeroHasAScale) {
  Report report;
  report.findings.add("overload/lost", "%", 0);
  EXPECT_TRUE(contains(as_plot_script(report), "set yrange [0:1]"));
}

}  // namespace
}  // namespace hb::bench
