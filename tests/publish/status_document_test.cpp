#include "publish/status_document.hpp"

#include <nlohmann/json.hpp>

#include "observer/counters.hpp"
#include "tests/publish/view_fixture.hpp"

namespace hb::test {
namespace {

using Json = nlohmann::ordered_json;

class StatusOf : public ViewOf {
 protected:
  [[nodiscard]] Json status() const { return Json::parse(status_document(view())); }
};

TEST_F(StatusOf, TellsTheRun) {
  const Json status = this->status();
  EXPECT_EQ(status["version"], 1);
  EXPECT_EQ(status["hb_version"], "1.2");
  EXPECT_EQ(status["run"], "run1");
  EXPECT_EQ(status["pid"], 77);
  EXPECT_EQ(status["uptime_ns"], 60 * kNsPerSecond);
  EXPECT_EQ(status["snapshot_age_ns"], kNsPerSecond);
  EXPECT_EQ(status["attest"], "kernel");
  EXPECT_EQ(status["healthy"], true);
  EXPECT_EQ(status["loop_age_ns"], kNsPerMs);
  EXPECT_EQ(status["reasons"], Json::array());
}

TEST_F(StatusOf, IsOneLine) {
  const std::string text = status_document(view());
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST_F(StatusOf, WhatIsNotKnownIsNull) {
  *figures_ = {};
  health_ = {};
  const Json status = this->status();
  for (const char* field : {"run", "uptime_ns", "snapshot_age_ns", "loop_age_ns"}) {
    EXPECT_TRUE(status.at(field).is_null()) << field;
  }
  EXPECT_EQ(status["counters"], Json::object());
  EXPECT_EQ(status["agents"]["list"], Json::array());
}

// As the last line of the event stream: a label makes an object.
TEST_F(StatusOf, CountersAreThoseOfThisRun) {
  put(Counters::kFramesDropped, 5);
  EXPECT_EQ(status()["counters"], Json::parse(R"({"frames_dropped_total":{"wrong_length":5,
      "tracker_full":0,"uid_full":0,"network_full":0,"decrypt_failed":0,"agent_pid_mismatch":0,
      "replayed":0,"sender_table_full":0,"ring_full":0,"stamp_evicted":0,"before_start":0}})"));
}

TEST_F(StatusOf, LossesAreThoseThatHappened) {
  EXPECT_EQ(status()["losses"], Json::array());
  put(Counters::kFramesDropped, 5);
  const Json losses = status()["losses"];
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_EQ(losses[0]["reason"], "wrong_length");
  EXPECT_EQ(losses[0]["count"], 5);
  EXPECT_EQ(losses[0]["what"], "datagrams of a length that no frame has");
}

TEST_F(StatusOf, TellsServices) {
  name_service("web.service");
  figures_->services[1].beats = 7;
  figures_->services[1].agents = {1, 1, 0};
  figures_->services[1].silent = 1;
  figures_->services[1].oldest_beat_ns = now_ns_ - 5;
  EXPECT_EQ(status()["services"],
            Json::parse(R"([{"name":"web.service","state":"down","agents":3,"silent":1,"beats":7,
                             "stalls":0,"oldest_beat_age_ns":5}])"));
}

TEST_F(StatusOf, TellsAgents) {
  name_service("web.service");
  AgentRow& row = add_agent(41);
  row.cgroup_id = 10;
  row.has_uid = 1;
  row.uid = 1000;
  row.nonce = 9;
  row.stalls = 3;
  row.comm = Comm("agent");
  add_agent(42).host.bytes = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const Json agents = status()["agents"];
  EXPECT_EQ(agents["total"], 2);
  EXPECT_EQ(agents["shown"], 2);
  EXPECT_EQ(agents["list"][0],
            Json::parse(R"({"pid":41,"host":null,"state":"alive","status":"ok","payload":0,
                "nonce":9,"last_beat_age_ns":2000000000,"threshold_ns":3000000000,"protocol":"vlp","stalls":3,
                "origin":"kernel_attested","uid":1000,"comm":"agent","service":"web.service",
                "cgroup":"/web.service"})"));
  EXPECT_EQ(agents["list"][1]["host"], "2001:db8::1");
  EXPECT_TRUE(agents["list"][1]["service"].is_null());
}

// A process chooses its name.
TEST_F(StatusOf, IsJsonWhateverAnAgentIsCalled) {
  add_agent(41).comm = Comm("a\"\n\xff\x01");
  EXPECT_EQ(status()["agents"]["list"].size(), 1U);
}

}  // namespace
}  // namespace hb::test
