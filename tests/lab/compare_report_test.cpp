// Reports of a comparison that has every kind of result.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lab/compare/report.hpp"

namespace hb::compare {
namespace {

constexpr Scenario kRight{"right", "", Conclusion::Beat, nullptr};
constexpr Scenario kWrong{"wrong", "", Conclusion::AuthFailure, nullptr};
constexpr Scenario kMissing{"missing", "", Conclusion::Beat, nullptr};

Row row(const Scenario& scenario, const Cell& kernel, const Cell& procfs) {
  Row made;
  made.scenario = &scenario;
  made.repeats = 20;
  made.cells[Mechanism::Kernel] = kernel;
  made.cells[Mechanism::Procfs] = procfs;
  return made;
}

Row missing(const std::string& why) {
  Row made;
  made.scenario = &kMissing;
  made.unavailable = why;
  return made;
}

Comparison comparison(std::vector<Row> rows) {
  Comparison made;
  made.kernel = "6.1.0-56-cloud-amd64";
  made.missing[Mechanism::Pidfd] = "no SO_PASSPIDFD";
  made.rows = std::move(rows);
  return made;
}

const Row kGood = row(kRight, {Conclusion::Beat, 0}, {Conclusion::Unknown, 20});
const Row kBad = row(kWrong, {Conclusion::Beat, 3}, {Conclusion::AuthFailure, 0});

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Comparison, KernelMustBeRightEverywhere) {
  EXPECT_TRUE(comparison({kGood, missing("x")}).proves_kernel());
  EXPECT_FALSE(comparison({kGood, kBad}).proves_kernel());
}

TEST(Comparison, NothingComparedProvesNothing) {
  EXPECT_FALSE(comparison({missing("x")}).proves_kernel());
  EXPECT_FALSE(comparison({}).proves_kernel());
}

TEST(Conclusions, UnknownIsWrongAndUnavailableIsNeither) {
  EXPECT_TRUE(is_wrong(Conclusion::Unknown, Conclusion::Beat));
  EXPECT_FALSE(is_wrong(Conclusion::Unavailable, Conclusion::Beat));
  EXPECT_FALSE(is_wrong(Conclusion::Beat, Conclusion::Beat));
}

TEST(Conclusions, OneWrongHalfMakesTheWholeWrong) {
  Conclusions right;
  right[Mechanism::Kernel] = Conclusion::Beat;
  Conclusions wrong;
  wrong[Mechanism::Kernel] = Conclusion::Unknown;
  EXPECT_EQ(both(right, wrong, Conclusion::Beat)[Mechanism::Kernel], Conclusion::Unknown);
  EXPECT_EQ(both(wrong, right, Conclusion::Beat)[Mechanism::Kernel], Conclusion::Unknown);
  EXPECT_EQ(both(right, right, Conclusion::Beat)[Mechanism::Kernel], Conclusion::Beat);
}

TEST(Json, IsAsContracted) {
  const auto json = nlohmann::json::parse(as_json(comparison({kGood, kBad, missing("no runc")})));
  EXPECT_EQ(json["kernel"], "6.1.0-56-cloud-amd64");
  const auto& good = json["scenarios"][0];
  EXPECT_EQ(good["name"], "right");
  EXPECT_EQ(good["truth"], "beat");
  EXPECT_EQ(good["repeats"], 20);
  EXPECT_EQ(good["kernel"], (nlohmann::json{{"verdict", "beat"}, {"wrong", 0}}));
  EXPECT_EQ(good["procfs"], (nlohmann::json{{"verdict", "unknown"}, {"wrong", 20}}));
  EXPECT_EQ(good["pidfd"], (nlohmann::json{{"verdict", "unavailable"}, {"wrong", 0}}));
  EXPECT_EQ(json["scenarios"][2]["unavailable"], "no runc");
  EXPECT_EQ(json["summary"]["scenarios"], 3);
  EXPECT_EQ(json["summary"]["kernel_wrong"], 1);
  EXPECT_EQ(json["summary"]["procfs_wrong"], 1);
  EXPECT_EQ(json["summary"]["pidfd_wrong"], 0);
}

TEST(Tap, PassesAndFailsBySkippingWhatIsMissing) {
  const std::string tap = as_tap(comparison({kGood, kBad, missing("no #runc")}));
  EXPECT_TRUE(tap.starts_with("TAP version 13\n1..3\nok 1 - right\n"));
  EXPECT_TRUE(contains(tap, "\nnot ok 2 - wrong\n"));
  EXPECT_TRUE(contains(tap, "\nok 3 - missing # SKIP no  runc\n"));
}

TEST(Junit, CountsFailuresAndSkips) {
  const std::string xml = as_junit(comparison({kGood, kBad, missing("<no & runc>")}));
  EXPECT_TRUE(contains(xml, R"(tests="3" failures="1" errors="0" skipped="1")"));
  EXPECT_TRUE(
      contains(xml, R"(<failure message="kernel: beat, wrong 3 of 20; truth: auth_failure")"));
  EXPECT_TRUE(contains(xml, R"(<skipped message="&lt;no &amp; runc&gt;"/>)"));
}

TEST(Text, MarksWhatIsWrong) {
  const std::string text = as_text(comparison({kGood, kBad, missing("no runc")}), false);
  EXPECT_TRUE(contains(text, "! unknown 20/20"));
  EXPECT_TRUE(contains(text, "! beat 3/20"));
  EXPECT_TRUE(contains(text, "unavailable: no runc"));
  EXPECT_TRUE(contains(text, "kernel 1 of 2, procfs 1 of 2, pidfd -; 1 unavailable"));
}

TEST(Text, HasColourOnlyWhenToldSo) {
  EXPECT_FALSE(contains(as_text(comparison({kGood}), false), "\x1b"));
  EXPECT_TRUE(contains(as_text(comparison({kGood}), true), "\x1b[32m  beat\x1b[0m"));
}

}  // namespace
}  // namespace hb::compare
