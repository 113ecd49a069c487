#include "status/top_view.hpp"

#include <gtest/gtest.h>

#include "tests/status/documents.hpp"
#include "tests/status/view_text.hpp"

namespace hb::test {
namespace {

using status::Key;
using status::Look;
using status::Size;
using status::TopView;

constexpr Size kUsual{24, 80};

void expect_fits(const TopView& view, Size size) {
  const auto lines = view.lines();
  EXPECT_EQ(lines.size(), size.rows);
  for (const auto& line : lines) EXPECT_LE(width_of(line), size.columns) << text_of(line);
}

TEST(TopView, ShowsItAllIn80By24) {
  TopView view(kUsual);
  view.take(document_of(busy_document_json()));
  std::vector<std::string> expected{
      "hb-ebpf 0.1.0  pid 812  up 3h12m  healthy  ready                    1-3/3 by age",
      "agents 3 (1 silent)  beats/s -  stalls 4  loop 5ms  self-beat 120ms",
      "lost:  ring_full 3",
      "SERVICE                            STATE      AGENTS SILENT  BEATS STALLS OLDEST",
      "web.service                        healthy         2      1     10      1  120ms",
      "db.service                         healthy         2      0     10      1  120ms",
      "    PID STATUS      AGE RATE/S STALLS SERVICE      CGROUP        COMM",
      "   1001 silent     4.0s      -      2 web.service  ~/web.service worker",
      "   1002 degraded  800ms      -      0 db.service   ~e/db.service database",
      "     77 ok        300ms      -      0 -            at 192.0.2.7  -",
  };
  expected.resize(23);
  expected.emplace_back(
      "q quit  space pause  / filter  by: a age r rate p pid e service t stalls c comm");
  EXPECT_EQ(text_of(view), expected);
  expect_fits(view, kUsual);
}

TEST(TopView, ShowsWhatIsWrongInRed) {
  TopView view(kUsual);
  Json json = busy_document_json();
  json["healthy"] = false;
  json["reasons"] = {"the loop has not turned for 3 s"};
  view.take(document_of(json));
  EXPECT_EQ(look_of(view, "NOT HEALTHY"), Look::Bad);
  EXPECT_EQ(look_of(view, "! the loop has not turned"), Look::Bad);
  EXPECT_EQ(look_of(view, "lost:"), Look::Bad);
  EXPECT_EQ(look_of(view, "1001"), Look::Bad);
  EXPECT_EQ(look_of(view, "degraded"), Look::Warning);
  EXPECT_EQ(look_of(view, "ready"), Look::Good);
}

TEST(TopView, ShowsNothingInRedWhenAllIsWell) {
  TopView view(kUsual);
  Json json = document_json();
  json["services"].push_back(service_json("web.service"));
  add_agent(json, agent_json(7));
  view.take(document_of(json));
  EXPECT_EQ(line_with(view, "lost"), "nothing lost");
  for (const auto& line : view.lines()) {
    for (const auto& span : line) EXPECT_NE(span.look, Look::Bad) << span.text;
  }
}

TEST(TopView, HasRatesFromTheSecondDocumentOn) {
  TopView view(kUsual);
  Json json = document_json();
  add_agent(json, agent_json(7));
  view.take(document_of(json));
  json["uptime_ns"] = json["uptime_ns"].get<std::uint64_t>() + 2'000'000'000;
  json["counters"]["beats_total"] = 1234 + 20;
  json["agents"]["list"][0]["nonce"] = 9 + 5;
  view.take(document_of(json));
  EXPECT_EQ(line_with(view, "web.service"),
            "      7 ok        120ms    2.5      0 web.service  ~/web.service worker");
  EXPECT_NE(line_with(view, "beats/s").find("beats/s 10.0 "), std::string::npos);
}

TEST(TopView, ShowsNoTableThatIsEmpty) {
  TopView view(kUsual);
  view.take(document_of(document_json()));
  EXPECT_EQ(line_with(view, "SERVICE  "),
            "    PID STATUS      AGE RATE/S STALLS SERVICE      CGROUP        COMM");
  EXPECT_NE(line_with(view, "healthy").find("0-0/0 by age"), std::string::npos);
  expect_fits(view, kUsual);
}

TEST(TopView, WaitsForTheFirstDocument) {
  TopView view(kUsual);
  EXPECT_EQ(text_of(view).front(), "waiting for the observer");
  expect_fits(view, kUsual);
}

TEST(TopView, SaysThatTheObserverIsAwayAndKeepsWhatItLastTold) {
  TopView view(kUsual);
  view.take(document_of(busy_document_json()));
  view.lose("cannot read an observer's status at /x: Connection refused");
  EXPECT_EQ(text_of(view).front(), "cannot read an observer's status at /x: Connection refused");
  EXPECT_EQ(look_of(view, "cannot read"), Look::Bad);
  EXPECT_NE(line_with(view, "1001"), "");
  view.take(document_of(busy_document_json()));
  EXPECT_EQ(line_with(view, "cannot read"), "");
}

TEST(TopView, BreaksALongReasonWhyTheObserverIsAway) {
  TopView view({24, 40});
  view.lose("cannot read an observer's status at /run/hb-ebpf/status.sock: Connection refused");
  auto lines = text_of(view);
  lines.resize(3);
  EXPECT_EQ(lines,
            (std::vector<std::string>{"cannot read an observer's status",
                                      "at /run/hb-ebpf/status.sock: Connection", "refused"}));
  view.press({Key::Name::Character, ' '});
  EXPECT_EQ(text_of(view)[0], "paused  cannot read an observer's status");
  view.lose(std::string(5000, 'x'));
  EXPECT_EQ(text_of(view)[3], "");
  expect_fits(view, {24, 40});
}

TEST(TopView, ShowsNoTextThatATerminalWouldObey) {
  TopView view(kUsual);
  Json json = document_json();
  const std::string evil =
      "\x1b]0;x\x07\r\n\xc2\x9b"
      "2J\x7f";
  json["hb_version"] = evil;
  json["reasons"] = {evil};
  json["losses"].push_back({{"reason", evil}, {"count", 1}, {"what", evil}});
  json["services"].push_back(service_json(evil));
  json["services"][0]["state"] = evil;
  Json agent = agent_json(7);
  for (const char* field : {"host", "state", "status", "origin", "comm", "service", "cgroup"}) {
    agent[field] = evil;
  }
  add_agent(json, agent);
  view.take(document_of(json));
  view.lose(evil);
  for (const auto& line : view.lines()) {
    for (const char c : text_of(line)) EXPECT_TRUE(c >= ' ' && c <= '~') << text_of(line);
  }
}

TEST(TopView, CutsLongNamesAndKeepsTheColumns) {
  TopView view(kUsual);
  Json json = document_json();
  json["services"].push_back(service_json(std::string(5000, 's')));
  Json agent = agent_json(4'194'304);
  agent["comm"] = std::string(5000, 'c');
  agent["service"] = std::string(5000, 's');
  agent["cgroup"] = "/a" + std::string(5000, '/') + "z";
  add_agent(json, agent);
  json["reasons"] = {std::string(5000, 'r')};
  view.take(document_of(json));
  EXPECT_EQ(line_with(view, "4194304"),
            "4194304 ok        120ms      -      0 sssssssssss~ ~///////////z cccccccccccccc~");
  expect_fits(view, kUsual);
}

TEST(TopView, ShowsDashesForWhatIsNotKnown) {
  TopView view(kUsual);
  Json json{{"version", 1}};
  json["services"] = Json::array({Json::object()});
  json["agents"] = {{"list", Json::array({Json::object()})}};
  view.take(document_of(json));
  const auto lines = text_of(view);
  EXPECT_EQ(lines[0],
            "hb-ebpf -  pid -  up -  NOT HEALTHY  NOT READY                      1-1/1 by age");
  EXPECT_EQ(lines[4],
            "-                                  -               -      -      -      -      -");
  EXPECT_EQ(lines[6], "      - -             -      -      - -            -             -");
}

TEST(TopView, GivesServicesAThirdOfTheScreenAndThoseThatAreNotWellFirst) {
  TopView view(kUsual);
  Json json = document_json();
  for (int i = 0; i < 20; ++i) {
    json["services"].push_back(service_json("s" + std::to_string(i) + ".service"));
  }
  json["services"][19]["state"] = "given_up";
  view.take(document_of(json));
  const auto lines = text_of(view);
  EXPECT_EQ(lines[4].substr(0, 11), "s19.service");
  EXPECT_EQ(lines[9], "and 15 more");
  EXPECT_EQ(look_of(view, "given_up"), Look::Bad);
  expect_fits(view, kUsual);
}

TEST(TopView, ShowsSomeReasonsOfMany) {
  TopView view(kUsual);
  Json json = document_json();
  for (int i = 0; i < 50; ++i) json["reasons"].push_back("reason " + std::to_string(i));
  view.take(document_of(json));
  EXPECT_EQ(line_with(view, "reason 2"), "! reason 2");
  EXPECT_EQ(line_with(view, "reason 3"), "");
  expect_fits(view, kUsual);
}

TEST(TopView, FitsWhateverSizeTheScreenHas) {
  Json json = busy_document_json();
  json["reasons"] = {"one", "two"};
  for (std::uint64_t i = 0; i < 30; ++i) {
    json["services"].push_back(service_json("s" + std::to_string(i)));
    add_agent(json, agent_json(2000 + i));
  }
  TopView view(kUsual);
  view.take(document_of(json));
  for (std::size_t rows = 0; rows < 40; ++rows) {
    for (const std::size_t columns : {0U, 1U, 7U, 39U, 79U, 80U, 200U}) {
      view.resize({rows, columns});
      expect_fits(view, {rows, columns});
    }
  }
}

TEST(TopView, UsesTheWidthOfAWiderScreen) {
  TopView view({30, 120});
  view.take(document_of(busy_document_json()));
  EXPECT_NE(line_with(view, "1001").find(" /system.slice/web.service "), std::string::npos);
}

TEST(TopView, CountsAgentsThatAreNotShown) {
  Json json = busy_document_json();
  json["agents"]["total"] = 5000;
  TopView view(kUsual);
  view.take(document_of(json));
  EXPECT_NE(line_with(view, "beats/s").find("agents 5000 (1 silent)"), std::string::npos);
}

}  // namespace
}  // namespace hb::test
