// When a pidfd counts as proven, with real processes whose generations and stamps are made up.
#include "recovery/pidfd_table.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>

#include "recovery/pidfd.hpp"
#include "tests/observer/fake_clock.hpp"
#include "tests/recovery/stalls.hpp"
#include "tests/support/child.hpp"

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
  PidfdTable table_{clock_, {.capacity = 3, .seed = 1}};
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

// --- Shares of a full table: a quarter, which is two here ---

class FullTable : public Pidfds {
 protected:
  // A new process of `uid` beats; processes are numbered in the order in which they came.
  std::size_t come(std::uint32_t uid) {
    children_.push_back(sleeper());
    const std::size_t number = children_.size() - 1;
    EXPECT_TRUE(shared_.hear(beat_of(pid_of(children_[number]), 5, kT0 - 10, uid)));
    return number;
  }
  bool is_held(std::size_t number) {
    const auto found = shared_.find({pid_of(children_[number]), 5});
    const auto* reason = std::get_if<RecoveryRefusal>(&found);
    return reason == nullptr || *reason != RecoveryRefusal::NoPidfd;
  }

  std::vector<Child> children_;
  PidfdTable shared_{clock_, {.capacity = 8, .seed = 1}};
};

// 1,100 processes of one user took every descriptor, and an honest agent that hung was not
// recovered.
TEST_F(FullTable, IsNotTakenByOneUsersProcesses) {
  const std::size_t honest = come(1000);
  for (int i = 0; i < 20; ++i) come(666);
  EXPECT_TRUE(is_held(honest)) << "though it has not been heard for longest";
  const std::size_t late = come(1001);
  EXPECT_TRUE(is_held(late));
  for (int i = 0; i < 20; ++i) come(666);
  EXPECT_TRUE(is_held(honest));
  EXPECT_TRUE(is_held(late));
  EXPECT_EQ(shared_.size(), 8U);
}

TEST_F(FullTable, HasRoomForAQuarterOfEveryUser) {
  std::vector<std::size_t> held;
  for (std::uint32_t uid = 1000; uid < 1003; ++uid) {
    held.push_back(come(uid));
    held.push_back(come(uid));
  }
  for (int i = 0; i < 20; ++i) come(666);
  for (const std::size_t number : held) EXPECT_TRUE(is_held(number)) << number;
}

TEST_F(FullTable, GivesUpTheOneThatWasNotHeardForLongestOfWhoHoldsMost) {
  const std::size_t small = come(1000);
  std::vector<std::size_t> large;
  for (int i = 0; i < 7; ++i) large.push_back(come(1001));
  EXPECT_TRUE(shared_.hear(beat_of(pid_of(children_[large[0]]), 5, kT0 - 5, 1001)));
  come(1002);
  EXPECT_TRUE(is_held(small));
  EXPECT_TRUE(is_held(large[0])) << "it has been heard again";
  EXPECT_FALSE(is_held(large[1]));
}

TEST_F(FullTable, CountsUsersThatAreGoneNoMore) {
  for (int i = 0; i < 8; ++i) come(666);
  for (const Child& child : children_) shared_.forget({pid_of(child), 5});
  EXPECT_EQ(shared_.size(), 0U);
  for (int i = 0; i < 8; ++i) come(1000);
  for (std::size_t number = 8; number < 16; ++number) EXPECT_TRUE(is_held(number)) << number;
}

TEST(Descriptors, AreReservedForWhatElseIsOpened) {
  EXPECT_EQ(room_for_pidfds(20'000), 20'000 - kReservedDescriptors);
  EXPECT_EQ(room_for_pidfds(1'024), 832U);
  EXPECT_EQ(room_for_pidfds(64), 32U) << "half of it where there are few";
}

TEST(RealUid, IsThatOfTheProcessWhereTheKernelSaysIt) {
  Child child = Child::run([] { ::pause(); });
  const auto pidfd = open_pidfd(static_cast<std::uint32_t>(child.pid()));
  ASSERT_TRUE(pidfd);
  EXPECT_EQ(real_uid(pidfd.value()).value_or(::getuid()), ::getuid());
  ::kill(child.pid(), SIGKILL);
  child.wait();
  EXPECT_EQ(real_uid(pidfd.value()), std::nullopt) << "nobody's any more";
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

// In a process of its own: a hard limit may not be raised again.
int with_limits(rlimit limit, std::size_t wanted, rlimit then) {
  Child child = Child::run([&] {
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) ::_exit(2);
    const auto before = raise_descriptor_limit(wanted);
    if (!before) ::_exit(3);
    if (before.value().rlim_cur != limit.rlim_cur) ::_exit(4);
    rlimit raised{};
    ::getrlimit(RLIMIT_NOFILE, &raised);
    ::_exit(raised.rlim_cur == then.rlim_cur && raised.rlim_max == then.rlim_max ? 42 : 5);
  });
  return WEXITSTATUS(child.wait());
}

TEST(Limit, IsRaisedToWhatIsWanted) { EXPECT_EQ(with_limits({64, 512}, 300, {300, 512}), 42); }

TEST(Limit, IsNeverLowered) { EXPECT_EQ(with_limits({400, 512}, 300, {400, 512}), 42); }

TEST(Limit, IsTheHardOneWhereThatCannotBeRaised) {
  EXPECT_EQ(with_limits({64, 512}, ~std::size_t{0} / 2, {512, 512}), 42);
}

TEST(Limit, IsRaisedBeyondTheHardOneWhereThatIsPermitted) {
  Child child = Child::run([] {
    const rlimit low{64, 512};
    const rlimit high{1000, 1000};
    if (::setrlimit(RLIMIT_NOFILE, &low) != 0) ::_exit(2);
    ::_exit(::setrlimit(RLIMIT_NOFILE, &high) == 0 ? 1 : 0);
  });
  const bool is_permitted = WEXITSTATUS(child.wait()) == 1;
  const rlimit then = is_permitted ? rlimit{1000, 1000} : rlimit{512, 512};
  EXPECT_EQ(with_limits({64, 512}, 1000, then), 42);
}

}  // namespace
}  // namespace hb::test
