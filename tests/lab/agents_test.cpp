// The processes that measurements are made with: they send what they are told, and none outlives
// its owner.
#include "lab/bench/agents.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/units.hpp"
#include "lab/bench/pump.hpp"
#include "lab/bench/squad.hpp"
#include "tests/lab/bench_fixture.hpp"

namespace hb::bench {
namespace {

class AgentsTest : public BenchTest {
 protected:
  void SetUp() override {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // so that orphans can be waited for
    BenchTest::SetUp();
    station_ = station(Way::Raw);
    ASSERT_NE(station_, nullptr);
  }
  void TearDown() override {
    station_.reset();
    BenchTest::TearDown();
  }

  bool beats_come(std::uint64_t count) { return bench::beats_come(*station_, count); }

  std::unique_ptr<Station> station_;
};

TEST_F(AgentsTest, ASquadSendsExactlyWhatItIsTold) {
  auto squad = Squad::start(lab_, 3, {station_->path()});
  ASSERT_TRUE(squad) << squad.error().message;
  const auto cost = squad.value().burst(0, 7);
  ASSERT_TRUE(cost) << cost.error().message;
  EXPECT_GT(cost.value(), 0);
  EXPECT_EQ(station_->drain(), 21U);
  EXPECT_EQ(station_->counters().receptions, 21U);
}

TEST_F(AgentsTest, ABurstThatDoesNotFitIsAnError) {
  auto squad = Squad::start(lab_, 1, {station_->path()});
  ASSERT_TRUE(squad) << squad.error().message;
  EXPECT_FALSE(squad.value().burst(0, 2000));
}

TEST_F(AgentsTest, AreSilentUntilTheyAreTold) {
  Pace pace;
  pace.agents = 3;
  pace.interval_ns = kNsPerMs;
  auto agents = Agents::start(lab_, pace, {station_->path()});
  ASSERT_TRUE(agents) << agents.error().message;
  sleep_until_ns(now_ns() + 20 * kNsPerMs);
  EXPECT_EQ(station_->drain(), 0U);
  agents.value().beat_to(0);
  EXPECT_TRUE(beats_come(30));
  EXPECT_GE(agents.value().sent(0), 30U);
}

TEST_F(AgentsTest, EveryBeatIsDated) {
  Pace pace;
  pace.interval_ns = kNsPerMs;
  auto agents = Agents::start(lab_, pace, {station_->path()});
  ASSERT_TRUE(agents) << agents.error().message;
  const std::uint64_t before_ns = now_ns();
  agents.value().beat_to(0);
  ASSERT_TRUE(beats_come(2));
  const std::uint64_t first_ns = agents.value().board().sent_at(0, 1);
  EXPECT_GE(first_ns, before_ns);
  EXPECT_GT(agents.value().board().sent_at(0, 2), first_ns);
  EXPECT_LT(agents.value().board().sent_at(0, 2), now_ns());
}

TEST_F(AgentsTest, DieWithTheirOwner) {
  pid_t pid = 0;
  {
    Pace pace;
    pace.agents = 2;
    const auto agents = Agents::start(lab_, pace, {station_->path()});
    ASSERT_TRUE(agents) << agents.error().message;
    pid = static_cast<pid_t>(agents.value().board().agents[1].pid);
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_TRUE(ends(pid));
}

TEST_F(AgentsTest, WithoutAnObserverDoNotStart) {
  EXPECT_FALSE(Squad::start(lab_, 1, {lab_.socket("nobody")}));
  EXPECT_FALSE(Pump::start(lab_, lab_.socket("nobody")));
}

TEST_F(AgentsTest, APumpThatWaitsLosesNothing) {
  auto pump = Pump::start(lab_, station_->path());
  ASSERT_TRUE(pump) << pump.error().message;
  pump.value().send({.duration_ns = 50 * kNsPerMs});
  while (!pump.value().is_done()) station_->drain();
  const auto sent = pump.value().finish();
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_GT(sent.value().frames, 0U);
  EXPECT_EQ(sent.value().frames, sent.value().tried);
  station_->drain();
  EXPECT_EQ(station_->counters().beats, sent.value().frames);
}

TEST_F(AgentsTest, APumpKeepsToItsRate) {
  auto pump = Pump::start(lab_, station_->path());
  ASSERT_TRUE(pump) << pump.error().message;
  pump.value().send({.duration_ns = 200 * kNsPerMs, .per_s = 1000});
  while (!pump.value().is_done()) station_->drain();
  const auto sent = pump.value().finish();
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_LE(sent.value().frames, 300U);  // 200, and no more than one handful beyond
}

}  // namespace
}  // namespace hb::bench
