// /metrics of a running observer.
#include <cstdlib>
#include <fstream>

#include "tests/publish/exposition_parser.hpp"
#include "tests/publish/http_client.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/needs.hpp"

namespace hb::test {
namespace {

class RunMetrics : public RunPublish {
 protected:
  [[nodiscard]] ParsedExposition scrape() const { return ParsedExposition(get("/metrics").body); }
};

TEST_F(RunMetrics, AreServedFromTheFirstScrape) {
  ObserverProcess observer = serve();
  const HttpAnswer answer = get("/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.has_header("Content-Type: text/plain; version=0.0.4; charset=utf-8"))
      << answer.head;
  const ParsedExposition parsed(answer.body);
  EXPECT_EQ(parsed["hb_beats_total{service=\"other\"}"], 0);
  EXPECT_EQ(parsed["hb_healthy"], 1);
  EXPECT_GT(parsed["process_resident_memory_bytes"], 1e6);
  EXPECT_GT(parsed["process_start_time_seconds"], 1e9);
  observer.stop();
  EXPECT_TRUE(left_nothing());
}

TEST_F(RunMetrics, CountBeatsAndAgents) {
  ObserverProcess observer = serve({"--threshold-ms", "600000"});
  ASSERT_TRUE(send_claim(socket_, own_pid(), 1));
  ASSERT_TRUE(send_claim(socket_, own_pid(), 2));
  observer.expect("beat");
  observer.expect("beat");
  EXPECT_TRUE(eventually([&] {
    const ParsedExposition parsed = scrape();
    return parsed["hb_beats_total{service=\"other\"}"] == 2 &&
           parsed["hb_agents{service=\"other\",status=\"ok\"}"] == 1;
  }));
  EXPECT_EQ(scrape()["hb_receptions_total"], 2);
  EXPECT_FALSE(scrape().has_family("hb_agent_up"));
}

TEST_F(RunMetrics, CountStallsAndTheirLag) {
  ObserverProcess observer = serve({"--threshold-ms", "50"});
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  observer.expect("stall");
  EXPECT_TRUE(eventually([&] {
    const ParsedExposition parsed = scrape();
    return parsed["hb_stalls_total{service=\"other\",cause=\"silence\"}"] == 1 &&
           parsed["hb_agents{service=\"other\",status=\"silent\"}"] == 1 &&
           parsed["hb_stall_detection_lag_seconds_count"] == 1;
  }));
}

TEST_F(RunMetrics, NamePidsIfAsked) {
  ObserverProcess observer = serve({"--threshold-ms", "600000", "--metrics-per-agent", "3"});
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  const std::string labels =
      "{pid=\"" + std::to_string(own_pid()) + "\",host=\"\",service=\"other\"}";
  EXPECT_TRUE(eventually([&] { return scrape().has("hb_agent_up" + labels); }));
}

TEST_F(RunMetrics, AreOpenMetricsIfAsked) {
  ObserverProcess observer = serve();
  const HttpAnswer answer =
      get("/metrics", "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n");
  EXPECT_TRUE(
      answer.has_header("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"))
      << answer.head;
  EXPECT_TRUE(ParsedExposition(answer.body).has_ended());
}

// What Prometheus itself says of them.
TEST_F(RunMetrics, ArePromtoolsLiking) {
  HB_NEEDS(std::system("command -v promtool >/dev/null") == 0, "promtool (package prometheus)");
  ObserverProcess observer = serve({"--metrics-per-agent", "3"});
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  const std::string page = directory_.path("page");
  std::ofstream(page) << get("/metrics").body;
  Process promtool({"sh", "-c", "promtool check metrics <" + page + " 2>&1"});
  EXPECT_EQ(promtool.wait(), 0);
  EXPECT_EQ(promtool.rest_of_output(), "");
}

}  // namespace
}  // namespace hb::test
