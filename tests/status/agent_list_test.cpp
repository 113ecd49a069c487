#include "status/agent_list.hpp"

#include <gtest/gtest.h>

#include "tests/status/documents.hpp"

namespace hb::test {
namespace {

using status::AgentOrder;
using Pids = std::vector<std::uint64_t>;

class AgentList : public ::testing::Test {
 protected:
  status::AgentLine& add(std::uint64_t pid) {
    status::AgentLine agent;
    agent.pid = pid;
    return agents_.emplace_back(agent);
  }

  Pids pids(const status::Arrangement& how) {
    Pids pids;
    for (const auto& rated : status::arrange(agents_, {}, how)) {
      pids.push_back(rated.agent->pid.value_or(0));
    }
    return pids;
  }

  Pids by(AgentOrder order, bool is_reversed = false) { return pids({order, is_reversed, ""}); }
  Pids with(const std::string& filter) { return pids({AgentOrder::Pid, false, filter}); }

  std::vector<status::AgentLine> agents_;
};

TEST_F(AgentList, BeginsWithTheOldestBeat) {
  add(1).last_beat_age_ns = 5;
  add(2).last_beat_age_ns = 7;
  add(3).last_beat_age_ns = 6;
  EXPECT_EQ(by(AgentOrder::Age), (Pids{2, 3, 1}));
  EXPECT_EQ(by(AgentOrder::Age, true), (Pids{1, 3, 2}));
}

TEST_F(AgentList, PutsWhatIsNotKnownLastInEitherDirection) {
  add(1);
  add(2).last_beat_age_ns = 7;
  add(3).last_beat_age_ns = 6;
  EXPECT_EQ(by(AgentOrder::Age), (Pids{2, 3, 1}));
  EXPECT_EQ(by(AgentOrder::Age, true), (Pids{3, 2, 1}));
}

TEST_F(AgentList, IsOrderedByPidWhereAllElseIsEqual) {
  for (const std::uint64_t pid : {3U, 1U, 2U}) add(pid).stalls = 4;
  add(4).stalls = 5;
  EXPECT_EQ(by(AgentOrder::Stalls), (Pids{4, 1, 2, 3}));
  EXPECT_EQ(by(AgentOrder::Stalls, true), (Pids{1, 2, 3, 4}));
}

TEST_F(AgentList, OrdersNamesFromTheFirstLetter) {
  add(1).service = "web";
  add(2).service = "db";
  agents_[0].comm = "a";
  agents_[1].comm = "b";
  EXPECT_EQ(by(AgentOrder::Service), (Pids{2, 1}));
  EXPECT_EQ(by(AgentOrder::Comm), (Pids{1, 2}));
}

TEST_F(AgentList, OrdersByRate) {
  status::BeatRates rates;
  for (const std::uint64_t step : {1U, 2U}) {
    Json json = document_json();
    json["uptime_ns"] = step * 1'000'000'000;
    for (const std::uint64_t pid : {1U, 2U}) {
      Json agent = agent_json(pid);
      agent["nonce"] = pid * step;
      add_agent(json, agent);
    }
    agents_ = document_of(json).agents;
    rates.take(document_of(json));
  }
  const auto arranged = status::arrange(agents_, rates, {AgentOrder::Rate, false, ""});
  EXPECT_EQ(arranged[0].agent->pid, 2U);
  EXPECT_EQ(arranged[0].rate, 2.0);
}

TEST_F(AgentList, IsFilteredByAnyTextInAnyCase) {
  auto& agent = add(4711);
  agent.comm = "Worker";
  agent.service = "web.service";
  agent.cgroup = "/user.slice";
  agent.state = "silent";
  agent.status = "critical";
  agent.host = "192.0.2.7";
  add(5).comm = "other";
  for (const char* filter : {"471", "wORK", "web", "user", "silent", "critic", "192.0"}) {
    EXPECT_EQ(with(filter), Pids{4711}) << filter;
  }
  EXPECT_EQ(with("no such"), Pids{});
  EXPECT_EQ(with(""), (Pids{5, 4711}));
}

}  // namespace
}  // namespace hb::test
