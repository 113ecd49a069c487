// A flood of each kind beside honest agents, once from one user, once from eight, once from the
// honest agents' own, and from root in a cgroup of its own. Each 3 s, or HB_FLOOD_SECONDS.
//
// Nothing here depends on how soon this process or the agents run: see bench/flood_trial.hpp.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <ostream>

#include "base/units.hpp"
#include "lab/bench/flood_trial.hpp"
#include "lab/bench/time.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

using bench::Flood;
using bench::FloodKind;
using bench::FloodOutcome;
using bench::FloodTrial;
using bench::HonestAgents;
using bench::Way;

constexpr std::uint32_t kHonestUid = 65532;
constexpr std::uint32_t kFirstFlooderUid = 65001;
constexpr std::uint64_t kShort_s = 3;

enum class From { OneUser, EightUsers, TheAgentsOwnUser, RootInACgroup };

constexpr const char* name(From from) {
  switch (from) {
    case From::OneUser: return "OneUser";
    case From::EightUsers: return "EightUsers";
    case From::TheAgentsOwnUser: return "TheAgentsOwnUser";
    case From::RootInACgroup: return "RootInACgroup";
  }
  return "";
}

std::vector<std::uint32_t> users(From from, FloodKind kind) {
  if (kind == FloodKind::ForgedCredentials || from == From::RootInACgroup) return {0};
  if (from == From::TheAgentsOwnUser) return {kHonestUid};
  std::vector<std::uint32_t> users{kFirstFlooderUid};
  while (from == From::EightUsers && users.size() < 8) users.push_back(users.back() + 1);
  return users;
}

std::uint64_t duration_ns() {
  const char* seconds = std::getenv("HB_FLOOD_SECONDS");
  return (seconds == nullptr ? kShort_s : std::strtoull(seconds, nullptr, 10)) * kNsPerSecond;
}

// A cgroup v2 of one's own, where this machine has any.
class OwnCgroup {
 public:
  OwnCgroup() {
    const std::string root = directory_.path("");
    if (::mount("cgroup2", root.c_str(), "cgroup2", 0, nullptr) != 0) return;
    is_mounted_ = true;
    path_ = directory_.path("hb-flood-" + std::to_string(::getpid()));
    std::error_code failed;
    std::filesystem::create_directory(path_, failed);
    if (failed) path_.clear();
  }
  OwnCgroup(const OwnCgroup&) = delete;
  OwnCgroup& operator=(const OwnCgroup&) = delete;
  ~OwnCgroup() {
    if (!path_.empty()) ::rmdir(path_.c_str());
    if (is_mounted_) ::umount2(directory_.path("").c_str(), MNT_DETACH);
  }

  // Empty: there is none.
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  TemporaryDirectory directory_;
  bool is_mounted_ = false;
  std::string path_;
};

struct Case {
  FloodKind kind;
  From from;
  Way way;
};

std::string name_of(const Case& one) {
  std::string kind = bench::name(one.kind);
  std::erase(kind, '-');
  const char* delivery = one.way == Way::KernelRing ? "ring" : "socket";
  return kind + "From" + name(one.from) + "By" + delivery;
}

void PrintTo(const Case& one, std::ostream* out) { *out << name_of(one); }

class Floods : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    static const Outcome doctor = run_to_end({"doctor"});
    HB_NEEDS(doctor.code == 0, "kernel attestation:\n" + doctor.out);
    if (GetParam().from == From::RootInACgroup) {
      cgroup_ = std::make_unique<OwnCgroup>();
      HB_NEEDS(!cgroup_->path().empty(), "a cgroup v2 hierarchy to mount");
    }
    lab_.directory = directory_.path("");
    lab_.executable = hb_ebpf({})[0];
  }

  Flood flood() const {
    Flood flood;
    flood.kind = GetParam().kind;
    flood.uids = users(GetParam().from, flood.kind);
    flood.processes = flood.uids.size() == 1 ? 8 : 2;
    if (cgroup_) flood.cgroup = cgroup_->path();
    return flood;
  }

  // The last one hangs.
  static std::vector<HonestAgents::Manner> honest(std::uint32_t uid) {
    constexpr std::uint64_t kSlow = kNsPerSecond;
    constexpr std::uint64_t kFast = 100 * kNsPerMs;
    return {{uid, kSlow, true},
            {uid, kSlow, false},
            {uid, kFast, true},
            {uid, kFast, false},
            {uid, kFast, false}};
  }

  FloodTrial trial() const {
    FloodTrial trial;
    trial.way = GetParam().way;
    trial.flood = flood();
    trial.manners = honest(kHonestUid);
    trial.duration_ns = duration_ns();
    return trial;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<OwnCgroup> cgroup_;
  bench::Lab lab_;
};

// "metric/label" of all its labels.
std::uint64_t sum(const bench::ObserverProcess::Counters& counters, const std::string& metric) {
  std::uint64_t sum = 0;
  for (const auto& [name, count] : counters) {
    if (name == metric || name.starts_with(metric + "/")) sum += count;
  }
  return sum;
}

void expect_balance(const bench::ObserverProcess::Counters& counters) {
  const auto count = [&](const char* metric) { return sum(counters, metric); };
  EXPECT_EQ(count("stamp_attempts_total"), count("stamps_total") + count("stamps_dropped_total"));
  EXPECT_EQ(count("stamps_total"), count("stamps_matched_total") + count("stamps_orphaned_total") +
                                       count("stamps_waiting") + count("stamps_malformed_total"));
}

std::string said(const FloodOutcome& outcome) {
  std::string text = "the flood tried " + std::to_string(outcome.flood.tried) + " sends by " +
                     std::to_string(outcome.flood.processes) + " processes; of " +
                     std::to_string(outcome.tried) + " honest beats " +
                     std::to_string(outcome.accepted) + " were accepted, " +
                     std::to_string(outcome.full) + " met a full queue; counters:";
  for (const auto& [counter, count] : outcome.counters) {
    if (count > 0) text += " " + counter + "=" + std::to_string(count);
  }
  return text;
}

TEST_P(Floods, HonestAgentsBeatAndAHungOneIsFound) {
  const FloodTrial trial = this->trial();
  const auto held = bench::hold(lab_, trial);
  ASSERT_TRUE(held) << held.error().message;
  const FloodOutcome& outcome = held.value();
  SCOPED_TRACE(said(outcome));
  EXPECT_GT(outcome.flood.tried, 0U) << "there was no flood";
  EXPECT_EQ(outcome.killed, 0U);
  EXPECT_EQ(outcome.stuck, 0U);
  EXPECT_EQ(outcome.false_stalls, 0U);
  EXPECT_EQ(outcome.refused, 0U);
  EXPECT_EQ(sum(outcome.counters, "auth_failures_total/no_stamp"), 0U);
  EXPECT_EQ(sum(outcome.counters, "auth_failures_total/ambiguous_stamp"), 0U);
  EXPECT_TRUE(outcome.hung_is_killed) << "the hung agent was not found";
  // On a busy machine this process may not keep up with reading the stream: then events are lost.
  if (outcome.found_ns) {
    EXPECT_LE(*outcome.found_ns / kNsPerMs, 2 * trial.threshold_ms);
  } else {
    EXPECT_GT(sum(outcome.counters, "events_lost_total"), 0U) << "and nobody was told of it";
  }
  expect_balance(outcome.counters);
}

std::vector<Case> cases() {
  std::vector<Case> cases;
  for (const Way way : {Way::KernelSocket, Way::KernelRing}) {
    for (const FloodKind kind : bench::kFloodKinds) {
      cases.push_back({kind, From::OneUser, way});
      if (kind == FloodKind::ForgedCredentials) continue;  // root's alone
      cases.push_back({kind, From::EightUsers, way});
    }
    for (const FloodKind kind :
         {FloodKind::Fork, FloodKind::CloneVm, FloodKind::LongLived, FloodKind::Orphans}) {
      cases.push_back({kind, From::TheAgentsOwnUser, way});
    }
    cases.push_back({FloodKind::CloneVm, From::RootInACgroup, way});
    cases.push_back({FloodKind::LongLived, From::RootInACgroup, way});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(, Floods, ::testing::ValuesIn(cases()),
                         [](const auto& one) { return name_of(one.param); });

}  // namespace
}  // namespace hb::test
