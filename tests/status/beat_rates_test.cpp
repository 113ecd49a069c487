#include "status/beat_rates.hpp"

#include <gtest/gtest.h>

#include "tests/status/documents.hpp"

namespace hb::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kSnapshotAge = 700'000'000;
constexpr std::uint64_t kTerminal = ~std::uint64_t{0};

class Rates : public ::testing::Test {
 protected:
  // A document of that second: the agent has this nonce, and all have sent ten times as many.
  void take(std::uint64_t second, std::uint64_t nonce, const std::string& run = "a") {
    Json json = document_json();
    json["run"] = run;
    json["uptime_ns"] = second * kSecond + kSnapshotAge;
    json["snapshot_age_ns"] = kSnapshotAge;
    json["counters"]["beats_total"] = 10 * nonce;
    Json agent = agent_json(7);
    agent["nonce"] = nonce;
    add_agent(json, agent);
    take(json);
  }

  void take(const Json& json) {
    document_ = document_of(json);
    rates_.take(document_);
  }

  std::optional<double> rate() { return rates_.of(document_.agents.at(0)); }

  status::StatusDocument document_;
  status::BeatRates rates_;
};

TEST_F(Rates, AreNotKnownOfTheFirstDocument) {
  take(1, 5);
  EXPECT_FALSE(rate());
  EXPECT_FALSE(rates_.of_all());
}

TEST_F(Rates, AreBeatsPerSecondOfTheObserversClock) {
  take(1, 5);
  take(3, 9);
  EXPECT_EQ(rate(), 2.0);
  EXPECT_EQ(rates_.of_all(), 20.0);
}

TEST_F(Rates, AreTakenOverTheLastFewDocuments) {
  for (std::uint64_t second = 0; second <= 20; ++second) take(second, second / 2);
  EXPECT_GE(rate().value(), 0.4);
  EXPECT_LE(rate().value(), 0.6);
  for (std::uint64_t second = 21; second <= 30; ++second) take(second, 10);
  EXPECT_EQ(rate(), 0.0);
}

TEST_F(Rates, BeginAnewWithTheAgent) {
  take(1, 500);
  take(2, 1);
  EXPECT_FALSE(rate());
  take(3, 4);
  EXPECT_EQ(rate(), 3.0);
}

TEST_F(Rates, BeginAnewWithTheObserver) {
  take(100, 500, "a");
  take(101, 600, "b");
  EXPECT_FALSE(rate());
  EXPECT_FALSE(rates_.of_all());
}

TEST_F(Rates, BeginAnewWithAnAgentThatWasAway) {
  take(1, 5);
  take(document_json());
  take(3, 9);
  EXPECT_FALSE(rate());
}

TEST_F(Rates, KnowNothingOfATerminalNonce) {
  take(1, 5);
  take(2, kTerminal);
  EXPECT_FALSE(rate());
}

// The observer writes down what it tells once a second, whoever asks more often.
TEST_F(Rates, AreOfWhenTheObserverWroteItDown) {
  take(10, 5);
  Json json = document_json();
  json["run"] = "a";
  for (std::uint64_t age_ms = 0; age_ms < 1000; age_ms += 100) {
    json["uptime_ns"] = 11 * kSecond + age_ms * 1'000'000;
    json["snapshot_age_ns"] = age_ms * 1'000'000;
    json["counters"]["beats_total"] = 80;
    json["agents"]["list"] = Json::array({agent_json(7)});
    json["agents"]["list"][0]["nonce"] = 8;
    take(json);
    EXPECT_EQ(rate(), 3.0) << age_ms;
    EXPECT_EQ(rates_.of_all(), 30.0) << age_ms;
  }
}

TEST_F(Rates, AreNotKnownWithinOneInstant) {
  take(1, 5);
  take(1, 9);
  EXPECT_FALSE(rate());
}

TEST_F(Rates, TellTwoHostsApart) {
  Json json = document_json();
  for (const std::uint64_t step : {1U, 2U}) {
    json = document_json();
    json["uptime_ns"] = step * kSecond;
    for (const std::uint64_t host : {1U, 2U}) {
      Json agent = agent_json(7);
      agent["host"] = "192.0.2." + std::to_string(host);
      agent["nonce"] = 100 * host + step * host;
      add_agent(json, agent);
    }
    take(json);
  }
  EXPECT_EQ(rates_.of(document_.agents[0]), 1.0);
  EXPECT_EQ(rates_.of(document_.agents[1]), 2.0);
}

TEST_F(Rates, BearWhatIsNotKnown) {
  take(Json{{"version", 1}});
  Json json = document_json();
  add_agent(json, Json::object());
  take(json);
  take(json);
  EXPECT_FALSE(rate());
}

}  // namespace
}  // namespace hb::test
