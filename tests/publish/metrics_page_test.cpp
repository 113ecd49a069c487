#include "publish/metrics_page.hpp"

#include "observer/counters.hpp"
#include "recovery/recovery.hpp"
#include "tests/publish/exposition_parser.hpp"
#include "tests/publish/view_fixture.hpp"

namespace hb::test {
namespace {

class MetricsPageOf : public ViewOf {
 protected:
  [[nodiscard]] ParsedExposition page(Exposition::Format format = Exposition::Format::Text) const {
    return ParsedExposition(metrics_page(view(), format));
  }
};

TEST_F(MetricsPageOf, HasRoomForAllCounters) { EXPECT_LE(layout_.size(), kMaxTotals); }

TEST_F(MetricsPageOf, HasEveryCounterAtZero) {
  *figures_ = {};
  const ParsedExposition parsed = page();
  for (const Metric* metric : daemon::all_metrics()) {
    EXPECT_TRUE(parsed.has_family("hb_" + std::string(metric->name))) << metric->name;
  }
  for (const auto& [series, value] : parsed.samples()) {
    if (series.starts_with("hb_") && series.find("_total") != std::string::npos) {
      EXPECT_EQ(value, 0) << series;
    }
  }
}

// What users rely on.
TEST_F(MetricsPageOf, HasWhatIsPromised) {
  const ParsedExposition parsed = page();
  for (const std::string series : {"hb_beats_total{service=\"other\"}",
                                   "hb_stalls_total{service=\"other\",cause=\"silence\"}",
                                   "hb_stalls_total{service=\"other\",cause=\"exited\"}",
                                   "hb_agents{service=\"other\",status=\"ok\"}",
                                   "hb_agents{service=\"other\",status=\"silent\"}",
                                   "hb_agent_oldest_beat_age_seconds{service=\"other\"}",
                                   "hb_service_state{service=\"other\",state=\"healthy\"}",
                                   "hb_service_state{service=\"other\",state=\"given_up\"}",
                                   "hb_decode_errors_total{error=\"BadCrc\"}",
                                   "hb_auth_failures_total{cause=\"pid_mismatch\"}",
                                   "hb_namespace_conflicts_total",
                                   "hb_origin_conflicts_total",
                                   "hb_io_errors_total",
                                   "hb_ctrl_truncated_total",
                                   "hb_out_of_order_total",
                                   "hb_pid_recycled_total",
                                   "hb_frames_dropped_total{reason=\"wrong_length\"}",
                                   "hb_stamps_total",
                                   "hb_stamps_matched_total",
                                   "hb_stamps_orphaned_total",
                                   "hb_stamps_dropped_total{reason=\"ring_full\"}",
                                   "hb_unheard_total{reason=\"queue_full\"}",
                                   "hb_recovery_total{service=\"other\",outcome=\"signalled\"}",
                                   "hb_recovery_refused_total{reason=\"debounced\"}",
                                   "hb_send_to_event_seconds_count",
                                   "hb_stall_detection_lag_seconds_count",
                                   "hb_tracker_evicted_total",
                                   "hb_tracker_full_total",
                                   "hb_events_lost_total{sink=\"stdout\"}",
                                   "hb_self_beat_age_seconds",
                                   "hb_build_info{version=\"1.2\",revision=\"abc\"}"}) {
    EXPECT_TRUE(parsed.has(series)) << series;
  }
  EXPECT_EQ(parsed["process_cpu_seconds_total"], 1.5);
  EXPECT_EQ(parsed["hb_self_beat_age_seconds"], 0.002);
}

TEST_F(MetricsPageOf, TellsCountersByTheirLabels) {
  put(Counters::kFramesDropped, 5);
  EXPECT_EQ(page()["hb_frames_dropped_total{reason=\"wrong_length\"}"], 5);
}

TEST_F(MetricsPageOf, TellsServices) {
  name_service("web.service");
  ServiceFigures& web = figures_->services[1];
  web.beats = 7;
  web.stalls = {2, 3};
  web.agents = {4, 5, 6};
  web.silent = 1;
  web.oldest_beat_ns = now_ns_ - 3 * kNsPerSecond;
  const ParsedExposition parsed = page();
  EXPECT_EQ(parsed["hb_beats_total{service=\"web.service\"}"], 7);
  EXPECT_EQ(parsed["hb_stalls_total{service=\"web.service\",cause=\"silence\"}"], 2);
  EXPECT_EQ(parsed["hb_agents{service=\"web.service\",status=\"critical\"}"], 6);
  EXPECT_EQ(parsed["hb_agents{service=\"web.service\",status=\"silent\"}"], 1);
  EXPECT_EQ(parsed["hb_agent_oldest_beat_age_seconds{service=\"web.service\"}"], 3);
  EXPECT_EQ(parsed["hb_service_state{service=\"web.service\",state=\"down\"}"], 1);
  EXPECT_EQ(parsed["hb_service_state{service=\"web.service\",state=\"healthy\"}"], 0);
}

TEST_F(MetricsPageOf, TellsTheStateThatRecoveryKnows) {
  name_service("web.service");
  figures_->state_count = 1;
  std::copy_n("web.service", 11, figures_->states[0].name.begin());
  figures_->states[0].state = static_cast<std::uint64_t>(ServiceState::Verifying);
  EXPECT_EQ(page()["hb_service_state{service=\"web.service\",state=\"verifying\"}"], 1);
}

TEST_F(MetricsPageOf, DoesNotGiveAServiceTheFiguresOfAnother) {
  name_service("web.service");
  figures_->services[1].beats = 7;
  figures_->services[1].generation = 99;
  EXPECT_EQ(page()["hb_beats_total{service=\"web.service\"}"], 0);
}

// The cgroup's owner chooses its name.
TEST_F(MetricsPageOf, IsWellFormedWhateverAServiceIsCalled) {
  name_service("a\"} 1\nhb_beats_total{service=\"\\\xff");
  EXPECT_EQ(page()["hb_beats_total{service=\"a\\\"} 1?hb_beats_total{service=\\\"\\\\?\"}"], 0);
}

TEST_F(MetricsPageOf, NamesNoPidUnlessItIsAsked) {
  add_agent(41);
  EXPECT_FALSE(page().has_family("hb_agent_up"));
  metrics_per_agent_ = 2;
  add_agent(40).is_silent = 1;
  add_agent(42);
  const ParsedExposition parsed = page();
  EXPECT_EQ(parsed["hb_agent_up{pid=\"40\",host=\"\",service=\"other\"}"], 0);
  EXPECT_EQ(parsed["hb_agent_up{pid=\"41\",host=\"\",service=\"other\"}"], 1);
  EXPECT_EQ(parsed["hb_agent_beat_age_seconds{pid=\"41\",host=\"\",service=\"other\"}"], 2);
  EXPECT_FALSE(parsed.has("hb_agent_up{pid=\"42\",host=\"\",service=\"other\"}"));
}

TEST_F(MetricsPageOf, AgentsOfOneNameAreOneSeries) {
  metrics_per_agent_ = 9;
  add_agent(41);
  add_agent(41);
  EXPECT_EQ(page()["hb_agent_up{pid=\"41\",host=\"\",service=\"other\"}"], 1);
}

TEST_F(MetricsPageOf, IsOpenMetricsToo) {
  const ParsedExposition parsed = page(Exposition::Format::OpenMetrics);
  EXPECT_TRUE(parsed.has_ended());
  EXPECT_EQ(parsed.type("hb_beats"), "counter");
  EXPECT_EQ(parsed["hb_beats_total{service=\"other\"}"], 0);
}

}  // namespace
}  // namespace hb::test
