#include "publish/exposition.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"
#include "tests/publish/exposition_parser.hpp"

namespace hb::test {
namespace {

using Format = Exposition::Format;
using Type = Exposition::Type;

TEST(Exposition, WritesTheTextFormat) {
  Exposition out(Format::Text);
  out.family("hb_beats_total", Type::Counter, "beats");
  out.sample({{"service", "a"}, {"cause", "b"}}, std::uint64_t{7});
  out.family("hb_age_seconds", Type::Gauge, "age");
  out.sample({}, 0.25);
  EXPECT_EQ(out.finish(),
            "# HELP hb_beats_total beats\n"
            "# TYPE hb_beats_total counter\n"
            "hb_beats_total{service=\"a\",cause=\"b\"} 7\n"
            "# HELP hb_age_seconds age\n"
            "# TYPE hb_age_seconds gauge\n"
            "hb_age_seconds 0.25\n");
}

TEST(Exposition, WritesOpenMetrics) {
  Exposition out(Format::OpenMetrics);
  out.family("hb_beats_total", Type::Counter, "beats");
  out.sample({}, std::uint64_t{7});
  out.family("hb_age_seconds", Type::Gauge, "age");
  out.sample({}, 1.0);
  EXPECT_EQ(out.finish(),
            "# HELP hb_beats beats\n"
            "# TYPE hb_beats counter\n"
            "hb_beats_total 7\n"
            "# HELP hb_age_seconds age\n"
            "# TYPE hb_age_seconds gauge\n"
            "# UNIT hb_age_seconds seconds\n"
            "hb_age_seconds 1\n"
            "# EOF\n");
}

TEST(Exposition, EscapesWhatWouldEndALabel) {
  Exposition out(Format::Text);
  out.family("hb_x", Type::Gauge, "a \"b\" \\ \n c");
  out.sample({{"service", "a\"b\\c\nd"}}, std::uint64_t{1});
  const std::string text = out.finish();
  EXPECT_NE(text.find("# HELP hb_x a \"b\" \\\\ \\n c\n"), std::string::npos) << text;
  EXPECT_NE(text.find("hb_x{service=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos) << text;
  EXPECT_EQ(ParsedExposition(text).samples().size(), 1U);
}

TEST(Exposition, CumulatesHistograms) {
  Histogram histogram;
  histogram.add(0);
  histogram.add(kNsPerMs);      // on a bound: within
  histogram.add(kNsPerMs + 1);  // behind it
  histogram.add(3600 * kNsPerSecond);
  Exposition out(Format::Text);
  out.family("hb_lag_seconds", Type::Histogram, "lag");
  out.histogram(histogram);
  const ParsedExposition parsed(out.finish());
  EXPECT_EQ(parsed["hb_lag_seconds_bucket{le=\"0.0001\"}"], 1);
  EXPECT_EQ(parsed["hb_lag_seconds_bucket{le=\"0.001\"}"], 2);
  EXPECT_EQ(parsed["hb_lag_seconds_bucket{le=\"0.0025\"}"], 3);
  EXPECT_EQ(parsed["hb_lag_seconds_bucket{le=\"10\"}"], 3);
  EXPECT_EQ(parsed["hb_lag_seconds_count"], 4);
  EXPECT_NEAR(parsed["hb_lag_seconds_sum"], 3600.002, 0.001);
}

TEST(Exposition, IsWhatAcceptAsksFor) {
  EXPECT_EQ(Exposition::asked_for(""), Format::Text);
  EXPECT_EQ(Exposition::asked_for("*/*"), Format::Text);
  EXPECT_EQ(Exposition::asked_for("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
            Format::OpenMetrics);
  EXPECT_EQ(Exposition::asked_for("text/plain;q=0.5 , application/openmetrics-text ; q=0.01"),
            Format::OpenMetrics);
}

TEST(Exposition, IsNotWhatAcceptRulesOut) {
  for (const char* accept :
       {"application/openmetrics-text;q=0", "application/openmetrics-text; version=1.0.0; q=0.000",
        "text/plain, application/openmetrics-text ;Q=0.0", "application/openmetrics-texts",
        ",;,"}) {
    EXPECT_EQ(Exposition::asked_for(accept), Format::Text) << accept;
  }
}

}  // namespace
}  // namespace hb::test
