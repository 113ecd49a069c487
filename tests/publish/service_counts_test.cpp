// Both sides of counting by service: the loop's, which knows cgroups, and the publisher's, which
// finds out their names.
#include "publish/service_counts.hpp"

#include <gtest/gtest.h>

#include <map>

#include "publish/service_table.hpp"
#include "publish/shared_memory.hpp"

namespace hb::test {
namespace {

// Answers at once, where it is to.
class Names final : public ServiceNames {
 public:
  explicit Names(std::map<std::uint64_t, std::string>& known) : known_(known) {}

  void ask(std::uint64_t id, std::uint64_t) override { asked_.push_back(id); }
  std::optional<Answer> next(std::uint64_t) override {
    if (asked_.empty()) return std::nullopt;
    const std::uint64_t id = asked_.back();
    asked_.pop_back();
    const auto found = known_.find(id);
    if (found == known_.end()) return Answer{id, std::nullopt};
    return Answer{id, ServiceFacts{found->second, {}, {}, "/path/of/" + found->second}};
  }
  [[nodiscard]] int fd() const override { return -1; }
  [[nodiscard]] std::uint64_t wake_ns() const override { return ~std::uint64_t{0}; }

 private:
  std::map<std::uint64_t, std::string>& known_;
  std::vector<std::uint64_t> asked_;
};

class ByService : public ::testing::Test {
 protected:
  bool beat(std::uint64_t cgroup_id, bool is_first = true, ServiceCounts::Uid uid = 0U) {
    Beat beat{};
    beat.cgroup_id = cgroup_id;
    beat.is_first = is_first;
    beat.uid = uid;
    return counts_.count(beat);
  }

  void stall(std::uint64_t cgroup_id) {
    Stall stall{};
    stall.cgroup_id = cgroup_id;
    stall.cause = StallCause::Exited;
    counts_.count(stall);
  }

  // All agents that there are, with when each beat last.
  void census(const std::vector<ServiceCounts::Agent>& agents) {
    counts_.begin_census();
    for (const auto& agent : agents) counts_.see(agent);
    counts_.end_census();
  }

  const Figures& written() {
    table_.look(0);
    counts_.write(*figures_);
    return *figures_;
  }

  // nullptr: it has no number.
  const ServiceFigures* of(const std::string& service) {
    const Figures& figures = written();
    for (std::size_t i = 0; i < kMaxServices; ++i) {
      if (table_.name(i) == service) return &figures.services[i];
    }
    return nullptr;
  }
  std::uint64_t beats_of(const std::string& service) {
    const auto* figures = of(service);
    return figures != nullptr ? figures->beats : 0;
  }

  std::map<std::uint64_t, std::string> known_;
  const SharedMemory<Board> board_;
  ServiceCounts counts_{*board_, 0x9e3779b97f4a7c15};
  ServiceTable table_{*board_, [this] { return std::make_unique<Names>(known_); }};
  const std::unique_ptr<Figures> figures_ = std::make_unique<Figures>();
};

TEST_F(ByService, BeatsOfAKnownCgroupAreItsService) {
  known_[10] = "web.service";
  EXPECT_TRUE(beat(10));
  EXPECT_FALSE(beat(10));
  EXPECT_FALSE(beat(10, false));
  stall(10);
  EXPECT_EQ(beats_of("web.service"), 3U);
  EXPECT_EQ(of("web.service")->stalls[static_cast<std::size_t>(StallCause::Exited)], 1U);
  EXPECT_EQ(beats_of("other"), 0U);
  EXPECT_EQ(table_.place_of(10)->service, "web.service");
  EXPECT_EQ(table_.place_of(10)->path, "/path/of/web.service");
}

TEST_F(ByService, WhatRecoveryDidIsItsService) {
  known_[10] = "web.service";
  beat(10);
  Stall stall{};
  stall.cgroup_id = 10;
  counts_.count(stall, RecoveryOutcome::Signalled);
  stall.cgroup_id = 11;
  counts_.count(stall, RecoveryOutcome::Signalled);
  const auto signalled = static_cast<std::size_t>(RecoveryOutcome::Signalled);
  EXPECT_EQ(of("web.service")->outcomes[signalled], 1U);
  EXPECT_EQ(of("other")->outcomes[signalled], 1U);
}

TEST_F(ByService, SeveralCgroupsMayBeOneService) {
  known_[10] = known_[11] = "web.service";
  beat(10);
  beat(11);
  EXPECT_EQ(beats_of("web.service"), 2U);
}

TEST_F(ByService, WhatHasNoServiceIsOther) {
  EXPECT_FALSE(beat(0));  // of no cgroup
  EXPECT_TRUE(beat(99));  // of one that nobody knows
  EXPECT_EQ(beats_of("other"), 2U);
  EXPECT_FALSE(table_.place_of(99));
}

// Counters must not go down, so nothing is `other` for a while only.
TEST_F(ByService, WhatIsNotAnsweredYetIsNowhere) {
  known_[10] = "web.service";
  beat(10);
  counts_.write(*figures_);
  EXPECT_EQ(figures_->services[0].beats, 0U);
  EXPECT_EQ(beats_of("web.service"), 1U);
}

TEST_F(ByService, TheAgentsAreThoseOfTheLastCensus) {
  known_[10] = "web.service";
  beat(10);
  written();
  const auto ok = vlp::Status::Ok;
  census({{10, 0U, ok, false, 5},
          {10, 0U, vlp::Status::Critical, false, 3},
          {10, 0U, ok, true, 4},
          {0, {}, ok, false, 7}});
  const ServiceFigures web = *of("web.service");
  EXPECT_EQ(web.agents, (std::array<std::uint64_t, kStatuses>{1, 0, 1}));
  EXPECT_EQ(web.silent, 1U);
  EXPECT_EQ(web.oldest_beat_ns, 3U);
  EXPECT_EQ(of("other")->agents[0], 1U);
  census({});
  EXPECT_EQ(of("web.service")->oldest_beat_ns, 0U);
  EXPECT_EQ(of("web.service")->beats, 1U);
}

TEST_F(ByService, OneUserCannotTakeAllPlaces) {
  for (std::uint64_t id = 1; id <= 2 * kMaxCgroups; ++id) beat(id, true, 1000U);
  known_[9'999] = "web.service";
  EXPECT_TRUE(beat(9'999));
  EXPECT_EQ(beats_of("web.service"), 1U);
  EXPECT_EQ(beats_of("other"), 2 * kMaxCgroups);
  EXPECT_FALSE(beat(5'000, true, 1000U));
  EXPECT_TRUE(beat(5'000, true, 1001U));
}

TEST_F(ByService, PlacesOfTheGoneAreForTheNext) {
  for (std::uint64_t id = 1; id <= kMaxCgroups; ++id) beat(id);
  written();
  EXPECT_TRUE(counts_.wants_census());
  EXPECT_FALSE(beat(5'000));  // no room
  census({{1, 0U, vlp::Status::Ok, false, 1}});
  EXPECT_FALSE(counts_.wants_census());
  EXPECT_TRUE(beat(5'000));
  EXPECT_FALSE(beat(1));  // has its place still
  EXPECT_EQ(beats_of("other"), kMaxCgroups + 3);
}

// Whoever was refused for want of room gets a place when there is some.
TEST_F(ByService, ACensusFindsPlacesForThoseWhoAreThere) {
  known_[5'000] = "web.service";
  for (std::uint64_t id = 1; id <= kMaxCgroups; ++id) beat(id);
  beat(5'000);
  census({});
  census({{5'000, 0U, vlp::Status::Ok, false, 1}});
  written();
  beat(5'000, false);
  EXPECT_EQ(beats_of("web.service"), 1U);
}

TEST_F(ByService, ANumberThatGoesToAnotherServiceBeginsAtZero) {
  for (std::uint64_t id = 1; id <= 255; ++id) known_[id] = "unit" + std::to_string(id);
  for (std::uint64_t id = 1; id <= 255; ++id) beat(id);
  EXPECT_EQ(beats_of("unit1"), 1U);
  known_[300] = "late.service";
  beat(300);
  EXPECT_EQ(of("late.service"), nullptr) << "all numbers are taken";
  EXPECT_EQ(beats_of("other"), 1U);

  std::vector<ServiceCounts::Agent> all_but_one;
  for (std::uint64_t id = 2; id <= 255; ++id) {
    all_but_one.push_back({id, 0U, vlp::Status::Ok, false, 1});
  }
  all_but_one.push_back({300, 0U, vlp::Status::Ok, false, 1});
  census(all_but_one);
  written();
  beat(300, false);
  EXPECT_EQ(of("unit1"), nullptr);
  EXPECT_EQ(beats_of("late.service"), 1U);
  EXPECT_EQ(beats_of("unit2"), 1U);
  EXPECT_EQ(beats_of("other"), 1U) << "what was dropped must not look as if it had just happened";
}

TEST_F(ByService, FiguresOfTheFormerServiceAreTold) {
  known_[1] = "a";
  beat(1);
  const Figures before = written();
  EXPECT_TRUE(table_.is_of(before.services[1], 1));
  ServiceFigures other = before.services[1];
  ++other.generation;
  EXPECT_FALSE(table_.is_of(other, 1));
}

// The publisher's words are no more than labels.
TEST_F(ByService, NonsenseOnTheBoardIsOther) {
  beat(10);
  for (auto& answer : board_->names.services) answer = ~std::uint64_t{0};
  counts_.write(*figures_);
  for (auto& answer : board_->names.services) answer = 10ULL << 16 | 0xffff;
  for (auto& generation : board_->names.generations) generation = 77;
  counts_.write(*figures_);
  EXPECT_EQ(figures_->services[0].beats, 1U);
}

TEST_F(ByService, WithoutNamesAllAreOther) {
  ServiceTable nameless(*board_, [] { return nullptr; });
  beat(10);
  nameless.look(0);
  counts_.write(*figures_);
  EXPECT_EQ(figures_->services[0].beats, 1U);
}

}  // namespace
}  // namespace hb::test
