// When a pidfd counts as proven, with real processes whose generations and stamps are made up.
#include "recovery/pidfd_table.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>

#include "bpf/child.hpp"
#include "recovery/pidfd.hpp"
#include "recovery/stalls.hpp"
#include "unit/fake_clock.hpp"

namespace hb::test {
namespace {

constexpr std::uint64_t kT0 = 1'000;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class Pidfds : public testing::Test {
 protected:
  static Child sleeper() {
    return Child::run([] { ::pause(); });
  }
  static std::uint32_t pid_of(const Child& child) {
    return static_cast<std::uint32_t>(child.pid());
  }

  // A beat of `generation`, stamped at `sent_ns`.
  void hear(const Child& child, std::uint64_t generation, std::uint64_t sent_ns) {
    EXPECT_TRUE(table_.hear(beat_of(pid_of(child), generation, sent_ns)));
  }

  std::string find(const Child& child, std::uint64_t generation) {
    const auto found = table_.find({pid_of(child), generation});
    if (const auto* reason = std::get_if<RecoveryRefusal>(&found)) return name(*reason);
    return "found";
  }

  FakeClock clock_{kT0};
  PidfdTable table_{clock_, 3, 1};
};

TEST_F(Pidfds, AreProvenByASecondStampAfterTheyWereOpened) {
  const Child child = sleeper();
  EXPECT_EQ(find(child, 5), "no_pidfd");
  hear(child, 5, kT0 - 10);
  EXPECT_EQ(find(child, 5), "generation_unproven");
  hear(child, 5, kT0 + 1);
  EXPECT_EQ(find(child, 5), "found");
}

// It was sent before the pidfd was opened, however late it was heard: the sender may be dead since.
TEST_F(Pidfds, AreNotProvenByAStampFromBefore) {
  const Child child = sleeper();
  hear(child, 5, kT0 - 10);
  hear(child, 5, kT0 - 5);
  clock_.advance(1'000'000);
  hear(child, 5, kT0);
  EXPECT_EQ(find(child, 5), "generation_unproven");
}

TEST_F(Pidfds, StayProven) {
  const Child child = sleeper();
  hear(child, 5, kT0 - 10);
  hear(child, 5, kT0 + 1);
  hear(child, 5, kT0 - 1);
  EXPECT_EQ(find(child, 5), "found");
}

TEST_F(Pidfds, AreForTheProvenGenerationOnly) {
  const Child child = sleeper();
  hear(child, 5, kT0 - 10);
  hear(child, 5, kT0 + 1);
  EXPECT_EQ(find(child, 6), "generation_unproven");
}

TEST_F(Pidfds, StartOverWithAnotherGeneration) {
  const Child child = sleeper();
  hear(child, 5, kT0 - 10);
  hear(child, 5, kT0 + 1);
  clock_.advance(100);
  hear(child, 6, kT0 + 50);
  EXPECT_EQ(find(child, 6), "generation_unproven") << "proofs are not inherited";
  hear(child, 6, kT0 + 101);
  EXPECT_EQ(find(child, 6), "found");
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(Pidfds, AreNotOpenedForWhatIsNoStamp) {
  const Child child = sleeper();
  hear(child, 0, kT0 + 1);
  hear(child, 5, 0);
  Beat stranger = beat_of(pid_of(child), 5, kT0 + 1);
  for (const auto origin : {BeatOrigin::OperatorAttestedTransport, BeatOrigin::SocketModeOnly,
                            BeatOrigin::NetworkUnverified}) {
    stranger.origin = origin;
    EXPECT_TRUE(table_.hear(stranger));
  }
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(Pidfds, AreNotOpenedForOneThatIsGone) {
  Child child = sleeper();
  const std::uint32_t pid = pid_of(child);
  ::kill(child.pid(), SIGKILL);
  child.wait();
  EXPECT_TRUE(table_.hear(beat_of(pid, 5, kT0 - 10))) << "which is nobody's fault";
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(Pidfds, AreClosedWhenTheirProcessIsForgotten) {
  const std::size_t before = open_descriptors();
  const Child child = sleeper();
  hear(child, 5, kT0 - 10);
  EXPECT_EQ(open_descriptors(), before + 1);
  table_.forget({pid_of(child), 4});
  EXPECT_EQ(open_descriptors(), before + 1) << "another process";
  table_.forget({pid_of(child), 5});
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(find(child, 5), "no_pidfd");
}

TEST_F(Pidfds, NeverOutgrowTheirTable) {
  const Child a = sleeper();
  const Child b = sleeper();
  const Child c = sleeper();
  const Child d = sleeper();
  const std::size_t before = open_descriptors();
  for (const Child* child : {&a, &b, &c}) hear(*child, 5, kT0 - 10);
  hear(a, 5, kT0 + 1);
  hear(d, 5, kT0 - 10);
  EXPECT_EQ(open_descriptors(), before + 3);
  EXPECT_EQ(find(a, 5), "found");
  EXPECT_EQ(find(b, 5), "no_pidfd") << "it had not been heard for longest";
}

TEST_F(Pidfds, SayWhenDescriptorsRunOut) {
  const Child child = sleeper();
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none{0, limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const auto heard = table_.hear(beat_of(pid_of(child), 5, kT0 - 10));
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ASSERT_FALSE(heard);
  EXPECT_EQ(heard.error().code, EMFILE);
  EXPECT_EQ(find(child, 5), "no_pidfd");
  hear(child, 5, kT0 + 1);
  EXPECT_EQ(find(child, 5), "generation_unproven") << "tried again at the next beat";
}

TEST(Limit, IsRaisedToTheHardOne) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit low{64, limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &low);
  EXPECT_TRUE(raise_descriptor_limit());
  rlimit raised{};
  ::getrlimit(RLIMIT_NOFILE, &raised);
  EXPECT_EQ(raised.rlim_cur, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace hb::test
