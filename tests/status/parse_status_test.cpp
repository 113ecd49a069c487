#include "status/parse_status.hpp"

#include <gtest/gtest.h>

#include "tests/status/documents.hpp"

namespace hb::test {
namespace {

using status::parse_status;

std::string mistake_in(const std::string& text) {
  const auto parsed = parse_status(text);
  return parsed ? "" : parsed.error().message;
}

std::string mistake_in(const Json& document) { return mistake_in(document.dump()); }

TEST(ParseStatus, ReadsWhatTheObserverTellsOfItself) {
  const auto document = document_of(document_json());
  EXPECT_EQ(document.hb_version, "0.1.0");
  EXPECT_EQ(document.revision, "3f2c1a9");
  EXPECT_EQ(document.run, "0123456789abcdef");
  EXPECT_EQ(document.pid, 812U);
  EXPECT_EQ(document.uptime_ns, 11'520'000'000'000U);
  EXPECT_EQ(document.socket, "/run/hb-ebpf/hb.sock");
  EXPECT_EQ(document.attest, "kernel");
  EXPECT_EQ(document.threshold_ms, 2000U);
  EXPECT_EQ(document.loop_age_ns, 5'000'000U);
  EXPECT_EQ(document.self_beat_age_ns, 120'000'000U);
  EXPECT_EQ(document.snapshot_age_ns, 1'000'000U);
  EXPECT_TRUE(document.is_well());
}

TEST(ParseStatus, ReadsLossesServicesAndAgents) {
  const auto document = document_of(busy_document_json());
  ASSERT_EQ(document.losses.size(), 1U);
  EXPECT_EQ(document.losses[0].reason, "ring_full");
  EXPECT_EQ(document.losses[0].count, 3U);
  ASSERT_EQ(document.services.size(), 2U);
  EXPECT_EQ(document.services[1].name, "web.service");
  EXPECT_EQ(document.services[1].silent, 1U);
  ASSERT_EQ(document.agents.size(), 3U);
  EXPECT_EQ(document.agents[0].pid, 1001U);
  EXPECT_TRUE(document.agents[0].is_silent());
  EXPECT_FALSE(document.agents[1].is_silent());
  EXPECT_EQ(document.agents[1].comm, "database");
  EXPECT_EQ(document.agents[2].host, "192.0.2.7");
  EXPECT_EQ(document.agent_count(), 3U);
  EXPECT_EQ(document.silent_count(), 1U);
}

TEST(ParseStatus, SumsCountersOverTheirLabel) {
  Json json = document_json();
  json["counters"]["stalls_total"] = {{"silence", 2}, {"exited", 5}};
  json["counters"]["stalls_totally_other"] = 100;
  const auto document = document_of(json);
  EXPECT_EQ(document.counter("beats_total"), 1234U);
  EXPECT_EQ(document.counter("stalls_total.exited"), 5U);
  EXPECT_EQ(document.counter("no_such_total"), 0U);
  EXPECT_EQ(document.counter_sum("stalls_total"), 7U);
  EXPECT_EQ(document.counter_sum("beats_total"), 1234U);
}

TEST(ParseStatus, TakesNullAndNothingForNotKnown) {
  Json nulls = document_json();
  for (auto& [name, value] : nulls.items()) {
    if (name != "version") value = nullptr;
  }
  for (const auto& document : {document_of(nulls), document_of(Json{{"version", 1}})}) {
    EXPECT_FALSE(document.hb_version);
    EXPECT_FALSE(document.pid);
    EXPECT_FALSE(document.is_well());
    EXPECT_TRUE(document.services.empty());
    EXPECT_EQ(document.agent_count(), 0U);
  }
}

TEST(ParseStatus, TakesNullForWhatIsNotKnownOfAnAgent) {
  Json json = document_json();
  Json agent = agent_json(7);
  for (auto& [name, value] : agent.items()) value = nullptr;
  add_agent(json, agent);
  add_agent(json, Json::object());
  const auto document = document_of(json);
  ASSERT_EQ(document.agents.size(), 2U);
  for (const auto& shown : document.agents) {
    EXPECT_FALSE(shown.pid);
    EXPECT_FALSE(shown.comm);
    EXPECT_FALSE(shown.is_silent());
  }
}

TEST(ParseStatus, IgnoresFieldsOfAFutureItDoesNotKnow) {
  Json json = document_json();
  json["moon_phase"] = {{"of", {1, 2, 3}}};
  json["agents"]["zodiac"] = "lion";
  EXPECT_EQ(mistake_in(json), "");
}

TEST(ParseStatus, ReadsNoOtherVersionAndSaysWhatToUpgrade) {
  Json json = document_json();
  json["version"] = 2;
  EXPECT_NE(mistake_in(json).find("reads version 1: upgrade this hb-ebpf"), std::string::npos);
  json["version"] = 0;
  EXPECT_NE(mistake_in(json).find("upgrade the observer"), std::string::npos);
  json.erase("version");
  EXPECT_NE(mistake_in(json).find("has no version"), std::string::npos);
}

// What another version has elsewhere is no mistake of its own.
TEST(ParseStatus, LooksAtTheVersionFirst) {
  EXPECT_NE(mistake_in(Json{{"version", 9}, {"agents", "many"}}).find("upgrade"),
            std::string::npos);
}

TEST(ParseStatus, NamesTheFieldThatIsNotAsExpected) {
  Json json = busy_document_json();
  json["agents"]["list"][1]["pid"] = "1002";
  EXPECT_EQ(mistake_in(json),
            "the status document is not as expected: 'agents.list[1].pid' is not a whole number");
  EXPECT_NE(mistake_in(Json{{"version", 1}, {"healthy", 1}}).find("'healthy'"), std::string::npos);
  EXPECT_NE(mistake_in(Json{{"version", 1}, {"pid", -1}}).find("'pid'"), std::string::npos);
  EXPECT_NE(mistake_in(Json{{"version", 1}, {"pid", 1.5}}).find("'pid'"), std::string::npos);
  EXPECT_NE(mistake_in(Json{{"version", 1}, {"socket", 1}}).find("'socket'"), std::string::npos);
  EXPECT_NE(mistake_in(Json{{"version", 1}, {"reasons", "x"}}).find("'reasons'"),
            std::string::npos);
  EXPECT_NE(mistake_in(Json{{"version", 1}, {"reasons", {1}}}).find("'reasons'"),
            std::string::npos);
  EXPECT_NE(mistake_in(Json{{"version", 1}, {"services", {1}}}).find("'services[0]'"),
            std::string::npos);
  EXPECT_NE(mistake_in(Json{{"version", 1}, {"agents", 3}}).find("'agents'"), std::string::npos);
  EXPECT_NE(mistake_in(Json{{"version", 1}, {"counters", {{"a", "b"}}}}).find("counters"),
            std::string::npos);
  EXPECT_NE(mistake_in(Json(1)).find("it is not an object"), std::string::npos);
}

TEST(ParseStatus, SaysThatItIsNoJson) {
  EXPECT_NE(mistake_in(std::string()).find("nothing came"), std::string::npos);
  EXPECT_NE(mistake_in(std::string("hello")).find("5 bytes, is not JSON"), std::string::npos);
  const std::string good = document_json().dump();
  EXPECT_NE(mistake_in(good.substr(0, good.size() - 1)).find("is not JSON"), std::string::npos);
  EXPECT_NE(mistake_in(good + good).find("is not JSON"), std::string::npos);
  EXPECT_NE(mistake_in(std::string("{\"version\":1,\"socket\":\"\xff\"}")).find("is not JSON"),
            std::string::npos);
}

// Deep nesting would exhaust the stack of whatever walks through it.
TEST(ParseStatus, RefusesWhatIsNestedDeeply) {
  constexpr std::size_t kDepth = 1'000'000;
  const std::string deep =
      R"({"version":1,"x":)" + std::string(kDepth, '[') + std::string(kDepth, ']') + "}";
  EXPECT_NE(mistake_in(deep).find("is not JSON"), std::string::npos);
  EXPECT_EQ(status::on_one_line(deep), "");
}

TEST(ParseStatus, ReadsAsManyAgentsAsItSaysAndNoMore) {
  Json json = document_json();
  for (std::uint64_t pid = 1; pid <= status::kMaxAgents; ++pid) add_agent(json, agent_json(pid));
  EXPECT_EQ(document_of(json).agents.size(), 4096U);
  add_agent(json, agent_json(4097));
  EXPECT_EQ(mistake_in(json),
            "the status document has 4097 elements in 'agents.list', and hb-ebpf reads at most "
            "4096");
}

// An object was looked at again for each one behind it. That way, this would take hours.
TEST(ParseStatus, LooksAtEachElementOfAListOnce) {
  Json json = document_json();
  json["future"] = Json::array();
  for (int i = 0; i < 500'000; ++i) json["future"].push_back(Json::object());
  const std::string text = json.dump();
  EXPECT_EQ(mistake_in(text), "");
  EXPECT_EQ(status::on_one_line(text), text);
}

TEST(ParseStatus, RefusesAnObjectOfVeryManyFields) {
  Json json = document_json();
  for (std::size_t i = 0; i < status::kMaxFields; ++i) json["counters"][std::to_string(i)] = i;
  EXPECT_NE(mistake_in(json).find("is not JSON"), std::string::npos);
}

TEST(ParseStatus, LetsNothingThroughThatATerminalWouldObey) {
  Json json = document_json();
  Json agent = agent_json(7);
  agent["comm"] =
      "a\x1b[2J\n\x7f\xc2\x9b"
      "1m";
  add_agent(json, agent);
  json["services"].push_back(service_json("tab\tb\xc3\xb6se"));
  const auto document = document_of(json);
  EXPECT_EQ(document.agents[0].comm, "a?[2J????1m");
  EXPECT_EQ(document.services[0].name, "tab b??se");

  const std::string line = status::on_one_line(json.dump());
  for (const char c : line) EXPECT_TRUE(c >= ' ' && c <= '~') << static_cast<int>(c);
  EXPECT_EQ(Json::parse(line), json);
}

TEST(ParseStatus, MakesOneLineInTheOrderThatTheObserverChose) {
  const Json json = busy_document_json();
  EXPECT_EQ(status::on_one_line(json.dump(2)), json.dump());
}

}  // namespace
}  // namespace hb::test
